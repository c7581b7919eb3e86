/** A kernel that makes it all up, for the dev page and for tests that need one that answers. */

import type { Model } from "../src/kernel.ts";
import type {
  Ask,
  Changes,
  Choice,
  Choices,
  EdgeFrame,
  Frame,
  FromKernel,
  Head,
  NodeDetails,
  NodeFrame,
  Picture,
  RequestLine,
  Verb,
} from "../src/messages.ts";

export interface FakeOptions {
  /** Ticks a second. */
  rate?: number;
  /** Answers nothing, as a kernel at work does. */
  quiet?: boolean;
  /** No layout, as without Graphviz. */
  bare?: boolean;
  /** Every tick changes all that there is; else, as of a kernel, 64 nodes' figures in turn. */
  all?: boolean;
}

type Heard = (...what: unknown[]) => void;

const HEAT = ["#f4f6fa", "#fdf0dc", "#fcdfb4", "#fac984", "#f5ad5b"];

export class FakeKernel implements Model {
  readonly asked: Ask[] = [];
  quiet: boolean;
  readonly #heard = new Map<string, Set<Heard>>();
  readonly #picture: Picture;
  readonly #all: boolean;
  readonly #frame: Frame;
  /** Made up beforehand: what making them up costs would be measured with the picture. */
  readonly #ring: Changes[] = [];
  #comparedWith = "";
  #turn = 0;
  #tick = 0;

  constructor(
    picture: Picture,
    { rate = 10, quiet = false, bare = false, all = false }: FakeOptions = {},
  ) {
    this.#picture = bare ? { ...picture, svg: "" } : picture;
    this.#frame = madeUpFrame(this.#picture);
    this.quiet = quiet;
    this.#all = all;
    if (rate > 0) {
      setInterval(() => {
        this.tick();
      }, 1000 / rate);
    }
  }

  get listeners(): number {
    return Array.from(this.#heard.values(), (one) => one.size).reduce((sum, one) => sum + one, 0);
  }

  get(name: string): Picture | undefined {
    return name === "picture" ? this.#picture : undefined;
  }

  on(name: string, heard: (...what: never[]) => void): void {
    const all = this.#heard.get(name) ?? new Set();
    all.add(heard as Heard);
    this.#heard.set(name, all);
  }

  off(name: string, heard: (...what: never[]) => void): void {
    this.#heard.get(name)?.delete(heard as Heard);
  }

  send(content: unknown): void {
    const ask = content as Ask;
    this.asked.push(ask);
    if (ask.id === 0 || this.quiet) {
      return;
    }
    setTimeout(() => {
      const { view, id } = ask;
      try {
        this.say({ type: "reply", view, id, value: this.#answer(ask.verb, ask.args) });
      } catch (error) {
        const hint = "the hint says what to do about it";
        this.say({ type: "reply", view, id, error: { message: String(error), hint } });
      }
    }, 30);
  }

  say(message: FromKernel): void {
    for (const heard of this.#heard.get("msg:custom") ?? []) {
      heard(message, []);
    }
  }

  tick(): void {
    if (this.#frame.choices.paused || this.#frame.head.state === "ended") {
      return;
    }
    const { against } = this.#frame.choices;
    if (this.#comparedWith !== against) {
      this.#comparedWith = against;
      this.#ring.length = 0;
    }
    while (this.#ring.length < 16) {
      this.#ring.push(this.#madeUpChanges());
    }
    const changes = this.#ring[++this.#tick % 16];
    if (changes) {
      Object.assign(this.#frame.head, changes.head);
      this.say({ type: "tick", tick: this.#tick, changes });
    }
  }

  #madeUpChanges(): Changes {
    const nodes: Record<string, Partial<NodeFrame>> = {};
    const edges: Record<string, EdgeFrame> = {};
    const turns = this.#all ? 1 : Math.ceil(Object.keys(this.#picture.nodes).length / 64);
    const turn = ++this.#turn % turns;
    for (const [index, [id, { kind }]] of Object.entries(this.#picture.nodes).entries()) {
      if (kind !== "input") {
        const node = madeUpNode(index, this.#frame.choices.against !== "");
        // What a deployment is at is always new.
        nodes[id] = index % turns === turn ? node : { now: node.now };
        this.#frame.nodes[id] = node;
      }
    }
    for (const [index, id] of Object.keys(this.#picture.edges).entries()) {
      const lit = this.#picture.edges[id]?.kind === "handle" && Math.random() < 0.2;
      if (index % turns === turn || lit) {
        edges[id] = this.#frame.edges[id] = madeUpEdge(index, lit);
      }
    }
    const head = madeUpHead(this.#frame.head);
    return { picture: this.#picture.number, head, nodes, edges };
  }

  #answer(verb: Verb, args: Ask["args"]): unknown {
    switch (verb) {
      case "open":
        return structuredClone(this.#frame);
      case "choose":
        Object.assign(this.#frame.choices, args);
        if (this.#frame.choices.against === "pin") {
          this.#frame.choices.againsts.push({ key: "kept", label: "kept at 14:03:12" });
          this.#frame.choices.against = "kept";
        }
        this.#frame.head.window = labelOf(this.#frame.choices.windows, this.#frame.choices.window);
        this.#frame.head.against = this.#frame.choices.against
          ? labelOf(this.#frame.choices.againsts, this.#frame.choices.against)
          : "";
        return structuredClone(this.#frame);
      case "node":
        return madeUpDetails(this.#picture.nodes[(args as { node: string }).node]?.title ?? "?");
      case "requests":
        return madeUpRequests();
      case "request": {
        const { which } = args as { which: string };
        if (which.startsWith("no")) {
          throw new Error(`No request ${which} is known`);
        }
        const headline = `Request ${which}: 123.4 ms, ok, at 14:03:12`;
        return { id: which, headline, svg: WATERFALL, text: `${headline}\n● tokenize 12 ms |███|` };
      }
      case "again":
        return { said: "Sent again: answered in 12.3 ms.", request: "r-17" };
      case "scale": {
        const { num_replicas, max_ongoing_requests } = args as Record<string, number>;
        const code = `graph.scale("model", num_replicas=${num_replicas ?? 1}, max_ongoing_requests=${max_ongoing_requests ?? 1})`;
        return { said: "Scaled: the new replicas are starting. To do the same in a cell:", code };
      }
      case "trace":
        return { name: "request.json", type: "application/json", text: "{}" };
      case "export":
        return { name: "graph.svg", type: "image/svg+xml", text: this.#picture.svg };
      case "stop":
        this.#frame.head.state = "ended";
        this.say({
          type: "tick",
          tick: ++this.#tick,
          changes: { picture: this.#picture.number, head: { state: "ended", now: "", rate: "" } },
        });
        return { said: `${this.#picture.name} was stopped.` };
      default:
        return null;
    }
  }
}

const WATERFALL = `<svg xmlns="http://www.w3.org/2000/svg" width="900" height="120" viewBox="0 0 900 120" style="max-width:100%;height:auto" font-family="sans-serif"><rect x="0.5" y="0.5" width="899" height="119" rx="12" fill="#f7f9fc" stroke="#dfe5ec"/><text x="18" y="30" font-size="13" fill="#1c2530">request r-17</text><rect x="236" y="50" width="200" height="12" fill="#4c84d4"/><text x="18" y="60" font-size="11" fill="#566172">tokenize</text><rect x="436" y="80" width="240" height="12" fill="#4c84d4"/><text x="18" y="90" font-size="11" fill="#566172">embed</text></svg>`;

function labelOf(choices: Choice[], key: string): string {
  return choices.find((one) => one.key === key)?.label ?? "";
}

function ms(): string {
  const time = 10 ** (Math.random() * 3);
  return time < 100 ? `${time.toFixed(1)} ms` : `${time.toFixed(0)} ms`;
}

function madeUpNode(index: number, compared: boolean): NodeFrame {
  const queued = Math.random() * 0.4;
  const transport = Math.random() * 0.2;
  const critical = index % 4 === 1;
  const dim = index % 11 === 9;
  const trend = compared ? (["slower", "faster", "same", ""] as const)[index % 4] : "";
  const change = {
    slower: "+12 % · 120→140",
    faster: "−34 % · 99→140",
    same: "±0 % · 1→3",
    "": "new",
  };
  return {
    p: [ms(), ms(), ms()],
    few: index % 7 === 2,
    count: dim ? "" : `${Math.floor(Math.random() * 2000)}×`,
    errors: index % 6 === 5 ? `${Math.floor(Math.random() * 30)} errors` : "",
    share: critical ? `${Math.floor(Math.random() * 60)} %` : "",
    fill: HEAT[critical ? 1 + (index % 4) : 0] ?? "",
    critical,
    dim,
    split: [queued, 1 - queued - transport, transport],
    now: `${Math.floor(Math.random() * 9)} busy · ${Math.floor(Math.random() * 40)} queued`,
    replicas: ["2/2", "2/3", "0/1"][index % 3] ?? "",
    health: (["well", "moving", "ill"] as const)[index % 3] ?? "well",
    change: compared ? change[trend ?? ""] : "",
    trend: trend ?? "",
    said: `node ${index}; p50 12 ms, p95 30 ms, p99 40 ms, 123 calls; 2 of 2 replicas running`,
  };
}

function madeUpEdge(index: number, lit: boolean): EdgeFrame {
  const dim = index % 9 === 8;
  return {
    rate: dim ? "" : `${Math.floor(Math.random() * 200)}/s`,
    critical: index % 5 === 1,
    lit,
    dim,
  };
}

function madeUpHead(head: Head): Partial<Head> {
  const compared = head.against !== "";
  return {
    rate: `${Math.floor(Math.random() * 300)}/s`,
    requests: `${Math.floor(Math.random() * 9000)} requests`,
    p: [ms(), ms(), ms()],
    now: `${Math.floor(Math.random() * 12)} busy`,
    change: compared ? "−12 % · 900→1204" : "",
    trend: compared ? "faster" : "",
  };
}

function madeUpFrame(picture: Picture): Frame {
  const head: Head = {
    state: "running",
    window: "last 10 s",
    rate: "123/s",
    requests: "1234 requests",
    errors: "2 errors",
    p: ["12.3 ms", "45.6 ms", "78.9 ms"],
    few: false,
    now: "3 busy",
    sampled: "figures of 1 in 8",
    change: "",
    trend: "",
    against: "",
  };
  const choices: Choices = {
    windows: [
      { key: "10", label: "last 10 s" },
      { key: "60", label: "last 1 min" },
      { key: "all", label: "all" },
      { key: "bench-1", label: "bench 1: 100 requests" },
    ],
    window: "10",
    againsts: [
      { key: "", label: "nothing" },
      { key: "bench-1", label: "bench 1: 100 requests" },
    ],
    against: "",
    paused: false,
  };
  const nodes: Record<string, NodeFrame> = {};
  for (const [index, [id, { kind }]] of Object.entries(picture.nodes).entries()) {
    if (kind !== "input") {
      nodes[id] = madeUpNode(index, false);
    }
  }
  const edges: Record<string, EdgeFrame> = {};
  for (const [index, id] of Object.keys(picture.edges).entries()) {
    edges[id] = madeUpEdge(index, false);
  }
  return { picture: picture.number, head, nodes, edges, choices };
}

function madeUpDetails(title: string): NodeDetails {
  return {
    title,
    called: `Model.predict`,
    where: "cell 4",
    source: `@deployment(num_replicas=2)\nclass Model:\n    def __init__(self, path: str = "a/path/that/is/rather/long/to/show/that/it/scrolls") -> None:\n        self.path = path\n\n    def predict(self, x):\n        return x * 2\n`,
    options: [
      { name: "num_replicas", value: "2", set: true },
      { name: "max_ongoing_requests", value: "100", set: false },
      { name: "ray_actor_options", value: "{'num_cpus': 0.5, 'resources': {'a': 1}}", set: true },
    ],
    times: ["waited for", "queued", "executing", "transport"].map((name) => ({
      name,
      p: [ms(), ms(), ms()],
    })),
    histogram: Array.from({ length: 18 }, (_, index) => {
      const count = Math.round(100 * Math.exp(-(((index - 6) / 3) ** 2)) + Math.random() * 4);
      return { from: `${index} ms`, to: `${index + 1} ms`, count, part: Math.min(1, count / 104) };
    }),
    error: {
      message: "ValueError: the text is empty, and a sentence of at least one word was expected",
      traceback:
        'Traceback (most recent call last):\n  File "cell 4", line 7, in predict\n    raise ValueError("…")\nValueError: the text is empty',
      request: "r-12",
      when: "14:02:58, 3 min ago",
    },
    slowest: { request: "r-9", total: "812 ms" },
    scale: { num_replicas: 2, max_ongoing_requests: 100 },
    scale_note: "Changes it in place; requests go on.",
  };
}

function madeUpRequests(): Record<string, RequestLine[]> {
  const line = (index: number): RequestLine => {
    const outcome = (["ok", "ok", "error", "timeout"] as const)[index % 4] ?? "ok";
    return {
      id: `r-${100 - index}`,
      when: `14:03:${String(59 - index).padStart(2, "0")}`,
      total: ms(),
      outcome,
      error: outcome === "error" ? "ValueError: the text is empty, and it is long" : "",
    };
  };
  const all = Array.from({ length: 30 }, (_, index) => line(index));
  return { last: all, slowest: all.slice(0, 10), failed: all.filter((one) => one.error) };
}
