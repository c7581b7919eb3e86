/**
 * What the kernel and the picture say to each other; `graphnb/views/widget/` is the other side.
 *
 * The kernel makes every text, colour and number that is shown, so that the live picture and the
 * static one cannot differ; this side only places them.
 */

/** The model's traits. */
export interface Traits {
  /**
   * The picture of the graph that runs; changes when the graph does, never with its figures.
   * Empty until it is laid out.
   */
  picture: Picture;
}

/** A graph, laid out. */
export interface Picture {
  /** Counts the graphs that were shown: figures speak of the picture of the same number. */
  number: number;
  /** The graph's name, as `%%deploy NAME` gave it. */
  name: string;
  /** Where it runs: "local", "ray". */
  on: string;
  /** What it is, in one line. */
  headline: string;
  /** SVG text; see `graphnb/views/drawing.py` for the classes in it. "" where there is no Graphviz. */
  svg: string;
  /** The static picture's colours, by name: "critical", "failed", "queued", ... */
  colours: Record<string, string>;
  /** By the id of their element in the SVG. */
  nodes: Record<string, NodeInfo>;
  /** By the id of their element in the SVG. */
  edges: Record<string, EdgeInfo>;
}

export interface NodeInfo {
  title: string;
  /** The deployment that it calls; "" for the request itself. */
  deployment: string;
  kind: "input" | "call" | "deployment" | "root";
}

export interface EdgeInfo {
  tail: string;
  head: string;
  kind: "data" | "handle" | "graph" | "fallback";
}

/** The figures of a node. Texts are ready to show; "" shows nothing. */
export interface NodeFrame {
  /** p50, p95, p99 of what its callers waited; "–" for none. */
  p: [string, string, string];
  /** Too few samples for percentiles to say much: they are greyed. */
  few: boolean;
  /** How many calls the percentiles are made of: "123×". */
  count: string;
  /** "2 errors". */
  errors: string;
  /** The share of the critical path: "45 %". */
  share: string;
  /** The card's colour by that share. */
  fill: string;
  /** On the most frequent critical path of the window. */
  critical: boolean;
  /** No request of the window reached it. */
  dim: boolean;
  /** The parts of its time, queued, executing, transport, from 0 to 1; they add up to 1 or to 0. */
  split: [number, number, number];
  /** Under way and waiting at this moment, replicas: "3 busy · 1 queued", "2/3 replicas". */
  now: string;
  replicas: string;
  /** How its replicas are: well, on the way (starting, updating), or not well. */
  health: "well" | "moving" | "ill";
  /** Beside what it is compared with, if anything: "−12 %", "new". */
  change: string;
  /** Which way it changed; "same" when it is within noise, or there are too few samples. */
  trend: "" | "faster" | "slower" | "same";
  /** All of it in words: what a screen reader says, and what shows when the mouse rests on it. */
  said: string;
}

export interface EdgeFrame {
  /** How often it is taken: "12/s"; "" when it is not. */
  rate: string;
  critical: boolean;
  /** It was taken since the last tick, by a choice made at run time. */
  lit: boolean;
  /** No request of the window took it. */
  dim: boolean;
}

/** The line above the picture. */
export interface Head {
  state: "running" | "changing" | "ended";
  /** What the figures are of: "last 10 s", "bench 2: 100 requests". */
  window: string;
  /** "123/s". */
  rate: string;
  /** "1234 requests". */
  requests: string;
  /** "2 errors". */
  errors: string;
  p: [string, string, string];
  few: boolean;
  /** "3 under way". */
  now: string;
  /** How much of the requests the figures are made of, when not of all: "figures of 1 in 8". */
  sampled: string;
  /** "−12 %", as of a node. */
  change: string;
  trend: NodeFrame["trend"];
  /** What it is compared with: "bench 1: 100 requests"; "". */
  against: string;
}

/** Something to choose as window or to compare with. */
export interface Choice {
  key: string;
  label: string;
}

/** What can be chosen, and what is. */
export interface Choices {
  windows: Choice[];
  window: string;
  /** The first is "", nothing. */
  againsts: Choice[];
  against: string;
  paused: boolean;
}

/** All figures. */
export interface Frame {
  /** Of the picture that it speaks of. */
  picture: number;
  head: Head;
  nodes: Record<string, NodeFrame>;
  edges: Record<string, EdgeFrame>;
  choices: Choices;
}

/** What changed of a frame: of a node or edge only the fields that did. */
export interface Changes {
  picture: number;
  head?: Partial<Head>;
  nodes?: Record<string, Partial<NodeFrame>>;
  edges?: Record<string, Partial<EdgeFrame>>;
  choices?: Choices;
}

/** Of a node, when it is clicked. */
export interface NodeDetails {
  title: string;
  /** The deployment's name and what is called of it. */
  called: string;
  /** Where it was defined: "cell 4"; "" when that is not known. */
  where: string;
  /** Its source; "" when that is not known. */
  source: string;
  /** Every option that was set, and the defaults that matter: name, value, whether it was set. */
  options: { name: string; value: string; set: boolean }[];
  /** Figures as rows: name, p50, p95, p99. */
  times: { name: string; p: [string, string, string] }[];
  /** The distribution of its callers' wait; `to` is the upper end in words, `part` from 0 to 1. */
  histogram: { from: string; to: string; count: number; part: number }[];
  /** The last error: one line, the traceback, the request. */
  error: { message: string; traceback: string; request: string; when: string } | null;
  /** The slowest request that called it. */
  slowest: { request: string; total: string } | null;
  /** The numbers that can be changed in place; null where they can't (autoscaling, ended). */
  scale: { num_replicas: number; max_ongoing_requests: number } | null;
  /** Why not, or what happens. */
  scale_note: string;
}

/** A request in the list of them. */
export interface RequestLine {
  id: string;
  /** "14:03:12". */
  when: string;
  total: string;
  outcome: "ok" | "error" | "cancelled" | "timeout" | "rejected";
  error: string;
}

export interface Requests {
  last: RequestLine[];
  slowest: RequestLine[];
  failed: RequestLine[];
}

export interface RequestDetails {
  id: string;
  /** One line. */
  headline: string;
  /** The waterfall, SVG text. */
  svg: string;
  /** The same in text, for screen readers. */
  text: string;
}

/** A file to save. */
export interface Saved {
  name: string;
  type: string;
  text: string;
}

/** Where a graph can be promoted to. */
export interface Targets {
  /** Their names. */
  targets: string[];
  /** What the graph is called there, unless somebody wants it otherwise. */
  name: string;
  /** What to do where there is none, and what to write; null where there are some. */
  none: { message: string; hint: string; example: string } | null;
}

/** The promotion of a graph to another cluster, as all its pictures show it. */
export interface Promotion {
  /** Counts its changes: what comes late, and has a lower one, is passed over. */
  revision: number;
  stage: "none" | "planning" | "planned" | "rolling out" | "done" | "failed";
  /** It was cancelled, and is being ended. */
  cancelling: boolean;
  target: string;
  application: string;
  /** What it went through; the last is what it is at. `parts`: how each deployment is. */
  steps: { said: string; parts: string[] }[];
  /** Of the plan: to have it done. */
  number: number;
  /** The plan's lines; of those of a deployment the sign of what happens to it: "+-~!=". */
  plan: { sign: string; text: string }[];
  /** The plan has nothing to do. */
  empty: boolean;
  /** What may not be there as it is in the notebook. */
  warnings: string[];
  /** How it went. */
  said: string;
  /** Where the graph answers there. */
  url: string;
  error: { message: string; hint: string } | null;
}

/** What the picture asks of the kernel: the arguments and the answer of each verb. */
export interface Verbs {
  /** A view is there, or there again; the kernel sends ticks from now on. */
  open: { args: { view: string }; answer: Frame };
  /** A view is gone. No answer is awaited. */
  close: { args: { view: string }; answer: null };
  /** A view has shown ticks up to this one: those that it can't show are not sent. No answer. */
  seen: { args: { view: string; tick: number }; answer: null };
  /** Window, comparison, pause; what is left out stays. "pin" as `against` keeps what is shown. */
  choose: {
    args: { window?: string; against?: string; paused?: boolean };
    answer: Frame;
  };
  node: { args: { node: string }; answer: NodeDetails };
  requests: { args: Record<string, never>; answer: Requests };
  /** `which`: "last", "slowest", "failed", or an id; `node`: the slowest that called this node. */
  request: { args: { which: string; node?: string }; answer: RequestDetails };
  /** Sends the last request again; says how it went. */
  again: { args: Record<string, never>; answer: { said: string; request: string } };
  /** Changes a node in place; the code that does the same, to paste. */
  scale: {
    args: { node: string; num_replicas: number; max_ongoing_requests: number };
    answer: { said: string; code: string };
  };
  /** The trace of a request, as JSON. */
  trace: { args: { which: string }; answer: Saved };
  /** The picture with the figures that it has now, to look at anywhere. */
  export: { args: Record<string, never>; answer: Saved };
  /** Where the graph can be promoted to, and how far its promotion is. */
  promotion: { args: Record<string, never>; answer: Targets & { promotion: Promotion } };
  /** Begins to export, prove and plan; while something is under way, says how far that is. */
  plan: { args: { target: string; application: string }; answer: Promotion };
  /** Has the plan of that number done. */
  roll_out: { args: { plan: number }; answer: Promotion };
  /** Ends what is under way of a promotion, and has it taken back. */
  cancel: { args: Record<string, never>; answer: Promotion };
  /** Ends the graph; asked before. */
  stop: { args: Record<string, never>; answer: { said: string } };
}

export type Verb = keyof Verbs;

/** From the picture to the kernel. `id` is 0 where no answer is awaited. */
export interface Ask<V extends Verb = Verb> {
  type: "ask";
  /** Unique among the views of all pages. */
  view: string;
  id: number;
  verb: V;
  args: Verbs[V]["args"];
}

/** From the kernel to the view that asked. */
export interface Reply {
  type: "reply";
  view: string;
  id: number;
  value?: unknown;
  /** A mistake, or what failed, in a line, and what to do about it. */
  error?: { message: string; hint: string };
}

/** From the kernel to every view, at most ten times a second. */
export interface Tick {
  type: "tick";
  tick: number;
  changes: Changes;
}

/** From the kernel to every view, when the promotion of the graph has changed. */
export interface Promoted {
  type: "promotion";
  promotion: Promotion;
}

export type FromKernel = Reply | Tick | Promoted;
