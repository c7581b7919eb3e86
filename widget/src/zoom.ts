/** How large the picture is shown, and which part of it. */

import type { Box, Drawing } from "./drawing.ts";
import type { Sight } from "./painter.ts";
import type { Scope } from "./scope.ts";

/** The area is no higher; `widget.css` says so as well. */
const MAX_HEIGHT = 560;
const SCROLLBAR = 16;
const BORDER = 1;
const SMALLEST = 0.05;
const LARGEST = 3;
const STEP = 1.25;
/** What somebody looks for is shown at least this large. */
const LEGIBLE = 0.8;
/** Below these, small type is too small to read, and large type is. */
const NEAR = 0.5;
const MIDDLE = 0.3;
/** A press that moves no further is a click. */
const CLICK_PX = 4;

/** In view, as long as the page has no layout that would tell. */
const EVERYWHERE: Box = { x: -1e9, y: -1e9, width: 2e9, height: 2e9 };

export class Zoom {
  /** Another part is in view, or at another scale. */
  onSight: () => void = () => undefined;

  readonly #area: HTMLElement;
  #drawing: Drawing | null = null;
  #scale = 1;
  /** It is as wide as there is room, until someone zooms. */
  #fitted = true;
  /** The width that it was fitted to: of the area with its scrollbar, which comes and goes. */
  #fittedTo = 0;
  #sight: Sight | null = null;

  constructor(area: HTMLElement, scope: Scope) {
    this.#area = area;
    scope.listen(area, "wheel", this.#onWheel, { passive: false });
    scope.listen(
      area,
      "scroll",
      () => {
        this.#look();
      },
      { passive: true },
    );
    pan(area, scope);
    if (typeof ResizeObserver !== "undefined") {
      const observer = new ResizeObserver(() => {
        this.#look();
        if (this.#fitted && this.#area.offsetWidth !== this.#fittedTo) {
          this.fit();
        }
      });
      observer.observe(area);
      scope.atEnd(() => {
        observer.disconnect();
      });
    }
  }

  /** What can be seen. Asking where things are costs a layout, so it is kept while they stay. */
  get sight(): Sight {
    if (!this.#sight) {
      const scale = this.#scale;
      const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.#area;
      this.#sight = {
        detail: scale < MIDDLE ? "far" : scale < NEAR ? "middle" : "near",
        view: clientWidth
          ? {
              x: (scrollLeft - this.#offset(scale)) / scale,
              y: scrollTop / scale,
              width: clientWidth / scale,
              height: clientHeight / scale,
            }
          : EVERYWHERE,
      };
    }
    return this.#sight;
  }

  /** Takes another picture; a scale that someone chose stays. */
  show(drawing: Drawing | null): void {
    this.#drawing = drawing;
    if (this.#fitted) {
      this.fit();
    } else {
      this.#setScale(this.#scale);
    }
  }

  /** As wide as there is room, but never larger than it was drawn. */
  fit(): void {
    if (!this.#drawing) {
      return;
    }
    const { width, height } = this.#drawing;
    const room = this.#area.offsetWidth - 2 * BORDER;
    if (room <= 0) {
      return; // not on the page yet
    }
    const wide = Math.min(1, room / width);
    const scrolls = height * wide > MAX_HEIGHT;
    this.#setScale(scrolls ? Math.min(1, (room - SCROLLBAR) / width) : wide);
    this.#fitted = true;
    this.#fittedTo = this.#area.offsetWidth;
  }

  /** Fits the width; where that is so already, all of a picture that is higher than the area. */
  fitMore(): void {
    const before = this.#scale;
    this.fit();
    const height = this.#drawing?.height ?? 0;
    if (Math.abs(this.#scale - before) < 0.001 && height * before > MAX_HEIGHT) {
      this.#setScale(MAX_HEIGHT / height);
      this.#fitted = false;
    }
  }

  larger(): void {
    this.#by(STEP);
  }

  smaller(): void {
    this.#by(1 / STEP);
  }

  /** Brings a node to the middle, large enough to read. */
  centre(box: Box): void {
    if (this.#scale < LEGIBLE) {
      this.#setScale(LEGIBLE);
      this.#fitted = false;
    }
    const area = this.#area;
    area.scrollLeft =
      this.#offset(this.#scale) + (box.x + box.width / 2) * this.#scale - area.clientWidth / 2;
    area.scrollTop = (box.y + box.height / 2) * this.#scale - area.clientHeight / 2;
  }

  /** Scrolls no further than it must for a node to be seen. */
  reveal(box: Box): void {
    const area = this.#area;
    const left = this.#offset(this.#scale) + box.x * this.#scale;
    const top = box.y * this.#scale;
    area.scrollLeft = within(area.scrollLeft, left, box.width * this.#scale, area.clientWidth);
    area.scrollTop = within(area.scrollTop, top, box.height * this.#scale, area.clientHeight);
  }

  readonly #onWheel = (event: WheelEvent): void => {
    // A plain wheel scrolls the page; a pinch on a touchpad comes as a wheel with Ctrl.
    if (!event.ctrlKey && !event.metaKey) {
      return;
    }
    event.preventDefault();
    const at = this.#area.getBoundingClientRect();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1;
    const factor = Math.exp(-Math.max(-60, Math.min(60, event.deltaY * lines)) * 0.005);
    this.#by(factor, event.clientX - at.left, event.clientY - at.top);
  };

  /** Zooms about a point of the area, which stays where it is. */
  #by(factor: number, x = this.#area.clientWidth / 2, y = this.#area.clientHeight / 2): void {
    const before = this.#scale;
    const left = this.#area.scrollLeft + x - this.#offset(before);
    const top = this.#area.scrollTop + y;
    this.#setScale(before * factor);
    this.#fitted = false;
    const grown = this.#scale / before;
    this.#area.scrollLeft = left * grown + this.#offset(this.#scale) - x;
    this.#area.scrollTop = top * grown - y;
  }

  /** Has what can be seen worked out anew. */
  #look(): void {
    this.#sight = null;
    this.onSight();
  }

  #setScale(scale: number): void {
    this.#scale = Math.max(SMALLEST, Math.min(LARGEST, scale));
    if (this.#drawing) {
      const { svg, width, height } = this.#drawing;
      svg.style.width = `${(width * this.#scale).toFixed(1)}px`;
      svg.style.height = `${(height * this.#scale).toFixed(1)}px`;
    }
    this.#look();
  }

  /** A picture that is narrower than its area stands in the middle. */
  #offset(scale: number): number {
    return Math.max(0, (this.#area.clientWidth - (this.#drawing?.width ?? 0) * scale) / 2);
  }
}

/** Where to scroll to, from where it is, so that what is there can be seen, with a little around. */
function within(scroll: number, start: number, length: number, room: number): number {
  const around = 16;
  if (start - around < scroll) {
    return start - around;
  }
  return Math.max(scroll, start + length + around - room);
}

/** Dragging moves the picture. */
function pan(area: HTMLElement, scope: Scope): void {
  let from: { x: number; y: number; left: number; top: number } | null = null;
  let moved = false;
  scope.listen(area, "pointerdown", (event) => {
    moved = false;
    // Fingers scroll by themselves.
    if (event.button === 0 && event.pointerType !== "touch") {
      from = {
        x: event.clientX,
        y: event.clientY,
        left: area.scrollLeft,
        top: area.scrollTop,
      };
    }
  });
  scope.listen(area, "pointermove", (event) => {
    if (!from || !(event.buttons & 1)) {
      from = null;
      return;
    }
    const [x, y] = [event.clientX - from.x, event.clientY - from.y];
    if (!moved && Math.hypot(x, y) > CLICK_PX) {
      moved = true;
      area.setPointerCapture(event.pointerId);
      area.classList.add("gnb-panning");
    }
    if (moved) {
      area.scrollLeft = from.left - x;
      area.scrollTop = from.top - y;
    }
  });
  const end = (): void => {
    from = null;
    area.classList.remove("gnb-panning");
  };
  scope.listen(area, "pointerup", end);
  scope.listen(area, "pointercancel", end);
  scope.listen(
    area,
    "click",
    (event) => {
      if (moved) {
        event.stopPropagation();
        moved = false;
      }
    },
    { capture: true },
  );
}
