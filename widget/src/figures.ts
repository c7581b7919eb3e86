/**
 * The figures that are known, and which of them changed since they were painted. No DOM.
 */

import type { Changes, Choices, EdgeFrame, Frame, Head, NodeFrame } from "./messages.ts";

/** What has to be painted. */
export interface Dirty {
  head: boolean;
  choices: boolean;
  nodes: Set<string>;
  edges: Set<string>;
}

export class Figures {
  picture = -1;
  head: Head | null = null;
  choices: Choices | null = null;
  readonly nodes = new Map<string, NodeFrame>();
  readonly edges = new Map<string, EdgeFrame>();
  #dirty = clean();

  /** Whether there are any. */
  get known(): boolean {
    return this.head !== null;
  }

  /** Takes all figures anew. */
  replace(frame: Frame): void {
    this.picture = frame.picture;
    this.head = { ...frame.head };
    this.choices = frame.choices;
    this.nodes.clear();
    this.edges.clear();
    for (const [id, node] of Object.entries(frame.nodes)) {
      this.nodes.set(id, { ...node });
    }
    for (const [id, edge] of Object.entries(frame.edges)) {
      this.edges.set(id, { ...edge });
    }
    this.touch();
  }

  /**
   * Takes what changed.
   *
   * Returns: false if it speaks of another picture than the figures that are known; then nothing
   * is taken, for it says too little to go by.
   */
  merge(changes: Changes): boolean {
    if (this.head === null || changes.picture !== this.picture) {
      return false;
    }
    if (changes.head) {
      Object.assign(this.head, changes.head);
      this.#dirty.head = true;
    }
    if (changes.choices) {
      this.choices = changes.choices;
      this.#dirty.choices = true;
    }
    mergeAll(this.nodes, changes.nodes, this.#dirty.nodes);
    mergeAll(this.edges, changes.edges, this.#dirty.edges);
    return true;
  }

  /** Has everything painted again. */
  touch(): void {
    this.#dirty = {
      head: true,
      choices: true,
      nodes: new Set(this.nodes.keys()),
      edges: new Set(this.edges.keys()),
    };
  }

  /** What changed since this was last asked. */
  take(): Dirty {
    const taken = this.#dirty;
    this.#dirty = clean();
    return taken;
  }
}

function mergeAll<T extends object>(
  known: Map<string, T>,
  changes: Record<string, Partial<T>> | undefined,
  dirty: Set<string>,
): void {
  for (const [id, change] of Object.entries(changes ?? {})) {
    const one = known.get(id);
    if (one) {
      Object.assign(one, change);
    } else {
      // All of it changed: it was not there before.
      known.set(id, change as T);
    }
    dirty.add(id);
  }
}

function clean(): Dirty {
  return { head: false, choices: false, nodes: new Set(), edges: new Set() };
}
