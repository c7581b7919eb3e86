/** The examples that tests share: a request, three nodes and two edges, and figures of them. */

import type {
  Frame,
  NodeDetails,
  NodeFrame,
  Picture,
  Promotion,
  Targets,
} from "../src/messages.ts";

function card(id: string, x: number, y: number): string {
  return `<g id="${id}" class="gnb-node gnb-call" data-node="${id}" data-deployment="D">
<title>${id}</title>
<rect class="gnb-card" x="${x}" y="${y}" width="100" height="60" fill="#f4f6fa"/>
<text class="gnb-title">${id}</text>
<g class="gnb-figures" display="none"><text class="gnb-p50"></text><text class="gnb-count"></text><text class="gnb-share"></text>
<g class="gnb-errors" display="none"><rect x="${x + 60}" y="0" width="40" height="16"/><text x="0"></text></g>
<circle class="gnb-health" r="3"/><text class="gnb-replicas"></text><text class="gnb-now"></text>
<g class="gnb-split"><rect class="gnb-track" x="${x}" y="0" width="80"/><rect class="gnb-queued" x="0" width="0"/><rect class="gnb-executing" x="0" width="0"/><rect class="gnb-transport" x="0" width="0"/></g>
<g class="gnb-change" display="none"><rect x="${x + 50}" y="60" width="50" height="16"/><text x="0"></text></g></g>
</g>`;
}

function edge(id: string): string {
  return `<g id="${id}" class="gnb-edge gnb-handle"><path d="M0,0C1,1 2,2 3,3"/><polygon points="0,0"/></g>
<g class="gnb-rate" data-edge="${id}" display="none"><rect x="0" y="0" width="40" height="16"/><text></text></g>`;
}

/** Above each other: the request, a beside b, then c. */
export const SVG = `<svg xmlns="http://www.w3.org/2000/svg" class="gnb" role="img" width="400" height="300" viewBox="0 0 400 300" style="max-width:100%">
${edge("edge-1")}
${edge("edge-2")}
<g id="node-request" class="gnb-node gnb-input"><title>request</title><rect class="gnb-card" x="150" y="0" width="80" height="36"/><text>request</text></g>
${card("node-a", 50, 100)}
${card("node-b", 250, 100)}
${card("node-c", 150, 200)}
</svg>`;

export function picture(changes: Partial<Picture> = {}): Picture {
  return {
    number: 1,
    name: "demo",
    on: "local",
    headline: "graph of three",
    svg: SVG,
    colours: { critical: "#d9640c", failed: "#c4303c" },
    nodes: {
      "node-request": { title: "request", deployment: "", kind: "input" },
      "node-a": { title: "a", deployment: "Tokenizer", kind: "call" },
      "node-b": { title: "b", deployment: "Model", kind: "call" },
      "node-c": { title: "c", deployment: "Model", kind: "root" },
    },
    edges: {
      "edge-1": { tail: "node-a", head: "node-b", kind: "handle" },
      "edge-2": { tail: "node-b", head: "node-c", kind: "data" },
    },
    ...changes,
  };
}

export function node(changes: Partial<NodeFrame> = {}): NodeFrame {
  return {
    p: ["1.0 ms", "2.0 ms", "3.0 ms"],
    few: false,
    count: "10×",
    errors: "",
    share: "",
    fill: "#f4f6fa",
    critical: false,
    dim: false,
    split: [0.25, 0.5, 0.25],
    now: "1 busy",
    replicas: "1/1",
    health: "well",
    change: "",
    trend: "",
    said: "a node; p50 1.0 ms",
    ...changes,
  };
}

export function frame(changes: Partial<Frame> = {}): Frame {
  return {
    picture: 1,
    head: {
      state: "running",
      window: "last 10 s",
      rate: "5/s",
      requests: "50 requests",
      errors: "",
      p: ["1.0 ms", "2.0 ms", "3.0 ms"],
      few: false,
      now: "",
      sampled: "",
      change: "",
      trend: "",
      against: "",
    },
    nodes: { "node-a": node(), "node-b": node(), "node-c": node() },
    edges: {
      "edge-1": { rate: "5/s", critical: false, lit: false, dim: false },
      "edge-2": { rate: "", critical: true, lit: false, dim: false },
    },
    choices: {
      windows: [
        { key: "10", label: "last 10 s" },
        { key: "all", label: "all" },
      ],
      window: "10",
      againsts: [
        { key: "", label: "nothing" },
        { key: "bench-1", label: "bench 1" },
      ],
      against: "",
      paused: false,
    },
    ...changes,
  };
}

export function details(changes: Partial<NodeDetails> = {}): NodeDetails {
  return {
    title: "a",
    called: "Tokenizer.__call__",
    where: "cell 4",
    source: "def tokenize(text):\n    return text.split()\n",
    options: [
      { name: "num_replicas", value: "2", set: true },
      { name: "max_ongoing_requests", value: "5", set: false },
    ],
    times: [{ name: "waited for", p: ["1.0 ms", "2.0 ms", "3.0 ms"] }],
    histogram: [
      { from: "0 ms", to: "1 ms", count: 3, part: 1 },
      { from: "1 ms", to: "2 ms", count: 1, part: 0.33 },
    ],
    error: {
      message: "ValueError: no text",
      traceback: "Traceback…\nValueError: no text",
      request: "r-7",
      when: "14:03:12",
    },
    slowest: { request: "r-9", total: "812 ms" },
    scale: { num_replicas: 2, max_ongoing_requests: 5 },
    scale_note: "",
    ...changes,
  };
}

export function promotion(changes: Partial<Promotion> = {}): Promotion {
  return {
    revision: 0,
    stage: "none",
    cancelling: false,
    target: "",
    application: "",
    steps: [],
    number: 0,
    plan: [],
    empty: false,
    warnings: [],
    said: "",
    url: "",
    error: null,
    ...changes,
  };
}

/** A promotion whose plan waits. */
export function planned(changes: Partial<Promotion> = {}): Promotion {
  return promotion({
    revision: 5,
    stage: "planned",
    target: "production",
    application: "demo",
    number: 3,
    plan: [
      { sign: "", text: "demo, release 1f0c -> production" },
      { sign: "!", text: "  ! a  restarted: its code has changed" },
      { sign: "=", text: "  = b  unchanged" },
    ],
    warnings: ["cell 3: a path of this machine"],
    ...changes,
  });
}

export function targets(
  names: string[] = ["production"],
  now: Promotion = promotion(),
): Targets & { promotion: Promotion } {
  const none = {
    message: "there is none yet.",
    hint: "write [targets.production]",
    example: 'address = "https://ray.example.com"',
  };
  return { targets: names, name: "demo", none: names.length ? null : none, promotion: now };
}
