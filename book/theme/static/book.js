// The book's own script: the code panel, the dark switch, copying, printing.
// Everything that it does is a comfort; the pages are complete without it.
"use strict";

(() => {
  const root = document.documentElement;
  const top = root.dataset.content_root || "";
  const wide = window.matchMedia("(min-width: 1100px)");

  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
  };

  // A browser may refuse to keep anything.
  const keep = (key, value) => {
    try {
      localStorage.setItem(key, value);
    } catch {
      // Then it is not kept.
    }
  };

  // Loads a script of the book; also from a folder, where fetch() may not.
  const load = (path) =>
    new Promise((resolve, reject) => {
      const script = make("script", { src: top + path });
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${path} is missing`));
      document.head.append(script);
    });

  // Light and dark.

  const isDark = () => {
    const chosen = root.dataset.theme;
    if (chosen) return chosen === "dark";
    return window.matchMedia("(prefers-color-scheme: dark)").matches;
  };

  const startTheme = () => {
    const button = document.querySelector(".bar .theme");
    if (!button) return;
    const show = () => {
      button.textContent = isDark() ? "Light" : "Dark";
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      keep("theme", root.dataset.theme);
      show();
    });
    show();
  };

  // The list of pages on a narrow screen.

  const startNavigation = () => {
    const nav = document.getElementById("nav");
    const open = document.querySelector(".open-nav");
    const close = document.querySelector(".close-nav");
    if (!nav || !open || !close) return;
    open.setAttribute("role", "button");
    open.setAttribute("aria-expanded", "false");
    open.setAttribute("aria-controls", "nav");
    const show = (isOpen) => {
      nav.classList.toggle("open", isOpen);
      open.setAttribute("aria-expanded", String(isOpen));
      (isOpen ? close : open).focus();
    };
    const press = (event, isOpen) => {
      event.preventDefault();
      show(isOpen);
    };
    open.addEventListener("click", (event) => press(event, true));
    open.addEventListener("keydown", (event) => {
      if (event.key === " ") press(event, true);
    });
    close.addEventListener("click", (event) => press(event, false));
    nav.addEventListener("click", (event) => {
      if (event.target.closest("a[href^='#']")) nav.classList.remove("open");
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && nav.classList.contains("open")) show(false);
    });
    const here = nav.querySelector("[aria-current]");
    if (here && nav.scrollHeight > nav.clientHeight) {
      nav.scrollTop = Math.max(0, here.offsetTop - 120);
    }
  };

  // Copying commands.

  const startCopying = () => {
    if (!navigator.clipboard) return;
    for (const figure of document.querySelectorAll(".fence.sh")) {
      const button = make("button", { type: "button", class: "copy" }, "Copy");
      button.setAttribute("aria-label", "Copy these commands");
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(
            figure.querySelector("code").textContent,
          );
          button.textContent = "Copied";
        } catch {
          button.textContent = "Refused";
        }
        window.setTimeout(() => {
          button.textContent = "Copy";
        }, 1500);
      });
      figure.append(button);
    }
  };

  // Printing shows what is folded, except whole sources.

  const startPrinting = () => {
    let opened = [];
    window.addEventListener("beforeprint", () => {
      const closed = "article details:not([open]):not(.beside, .beside *, .variant .fold)";
      opened = [...document.querySelectorAll(closed)];
      for (const details of opened) details.open = true;
    });
    window.addEventListener("afterprint", () => {
      for (const details of opened) details.open = false;
      opened = [];
    });
  };

  // The code panel. Its links become tabs when the sources are there.

  const loaded = new Map();

  const addSources = (lab, sources) => {
    for (const source of sources) loaded.set(source.path, source);
  };

  class Panel {
    constructor(element) {
      this.element = element;
      this.tabs = [...element.querySelectorAll(".files a")];
      this.path = "";
      this.follows = true;
      this.figures = [...document.querySelectorAll(".fence[data-file]")];
      for (const figure of this.figures) {
        figure.querySelector(".place").addEventListener("click", (event) => {
          if (!this.isReady() || event.ctrlKey || event.metaKey) return;
          event.preventDefault();
          this.showFigure(figure);
        });
      }
    }

    isReady() {
      return wide.matches && this.element.classList.contains("ready");
    }

    async start() {
      if (!wide.matches || this.started) return;
      this.started = true;
      try {
        await load(`_static/sources/${this.element.dataset.lab}.js`);
      } catch {
        return; // The links still lead to the sources.
      }
      this.build();
      this.show(this.tabs[0].dataset.path);
      this.follow();
    }

    build() {
      this.link = make("a", { href: "#" });
      this.button = make(
        "button",
        { type: "button", "aria-pressed": "true" },
        "Follows the text",
      );
      this.button.addEventListener("click", () => {
        this.follows = !this.follows;
        this.button.setAttribute("aria-pressed", String(this.follows));
        this.button.textContent = this.follows
          ? "Follows the text"
          : "Stays here";
      });
      this.code = make("code");
      this.pre = make("pre", { class: "listing", tabindex: "0", role: "group" }, this.code);
      this.body = make(
        "div",
        { class: "shown", id: "code-shown" },
        make("div", { class: "what" }, this.link, this.button),
        this.pre,
      );
      this.element.append(this.body);
      this.element.classList.add("ready");
      for (const list of this.element.querySelectorAll(".files ul")) {
        list.addEventListener("keydown", (event) => this.move(event));
      }
      for (const tab of this.tabs) {
        tab.addEventListener("click", (event) => {
          if (!this.isReady() || event.ctrlKey || event.metaKey) return;
          event.preventDefault();
          this.show(tab.dataset.path);
        });
      }
      this.roles();
      wide.addEventListener("change", () => this.roles());
    }

    // On a narrow screen the links are links.
    roles() {
      for (const list of this.element.querySelectorAll(".files ul")) {
        const name = list.previousElementSibling.textContent;
        if (wide.matches) {
          list.setAttribute("role", "tablist");
          list.setAttribute("aria-label", name);
        } else {
          list.removeAttribute("role");
          list.removeAttribute("aria-label");
        }
        for (const item of list.children) {
          if (wide.matches) item.setAttribute("role", "presentation");
          else item.removeAttribute("role");
        }
      }
      for (const tab of this.tabs) {
        if (wide.matches) {
          tab.setAttribute("role", "tab");
          tab.setAttribute("aria-controls", "code-shown");
          tab.setAttribute("aria-selected", String(tab.dataset.path === this.path));
        } else {
          for (const name of ["role", "aria-controls", "aria-selected"]) {
            tab.removeAttribute(name);
          }
        }
      }
    }

    move(event) {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const place = this.tabs.indexOf(event.target);
      if (!step || place < 0 || !this.isReady()) return;
      event.preventDefault();
      const next = this.tabs[(place + step + this.tabs.length) % this.tabs.length];
      next.focus();
      this.show(next.dataset.path);
    }

    show(path, first = 0, last = 0) {
      const source = loaded.get(path);
      if (!source) return;
      if (path !== this.path) {
        this.path = path;
        this.code.innerHTML = source.html
          .split("\n")
          .map((line) => `<span>${line}\n</span>`)
          .join("");
        this.pre.setAttribute("aria-label", path);
        const tab = this.tabs.find((one) => one.dataset.path === path);
        this.link.href = tab ? tab.href : "#";
        this.link.textContent = path;
        for (const one of this.tabs) {
          one.setAttribute("aria-selected", String(one === tab));
        }
        this.pre.scrollTop = 0;
      }
      const rows = this.code.children;
      for (const row of this.code.querySelectorAll(".marked")) {
        row.classList.remove("marked");
      }
      for (let i = first; first && i <= last; ++i) {
        rows[i - 1]?.classList.add("marked");
      }
      if (first && rows[first - 1]) {
        const row = rows[first - 1];
        const above = this.pre.clientHeight / 3;
        this.pre.scrollTop = row.offsetTop - this.code.offsetTop - above;
      }
    }

    showFigure(figure) {
      const [first, last] = figure.dataset.lines.split("-").map(Number);
      for (const other of this.figures) {
        other.classList.toggle("active", other === figure);
      }
      this.show(figure.dataset.file, first, last);
    }

    // Shows what is quoted where the reader is.
    follow() {
      let last = null;
      let waiting = false;
      const look = () => {
        waiting = false;
        if (!this.follows || !this.isReady()) return;
        const middle = window.innerHeight * 0.62;
        let found = null;
        for (const figure of this.figures) {
          const box = figure.getBoundingClientRect();
          if (box.height && box.top < middle && box.bottom > 48) found = figure;
        }
        if (found && found !== last) this.showFigure(found);
        if (found) last = found;
      };
      document.addEventListener(
        "scroll",
        () => {
          if (!waiting) window.requestAnimationFrame(look);
          waiting = true;
        },
        { passive: true },
      );
      look();
    }
  }

  const startPanel = () => {
    const element = document.querySelector(".panel[data-lab]");
    if (!element) return;
    const panel = new Panel(element);
    panel.start();
    wide.addEventListener("change", () => panel.start());
  };

  // The section that is read is marked in the list of pages.

  const startSections = () => {
    const links = new Map();
    for (const link of document.querySelectorAll("#nav li ul a")) {
      links.set(link.hash.slice(1), link);
    }
    const sections = [...document.querySelectorAll("article section[id]")].filter(
      (section) => links.has(section.id),
    );
    if (!sections.length || !window.IntersectionObserver) return;
    const seen = new Set();
    const observer = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting) seen.add(entry.target.id);
        else seen.delete(entry.target.id);
      }
      // Of sections in each other, the inner one is read.
      const here = sections.findLast((section) => seen.has(section.id));
      for (const [id, link] of links) {
        link.classList.toggle("here", Boolean(here) && id === here.id);
      }
    }, { rootMargin: "-48px 0px -50% 0px" });
    for (const section of sections) observer.observe(section);
  };

  // A link to several lines of a source: #L3-L7. A link into a fold opens it.

  const showTarget = () => {
    for (const row of document.querySelectorAll("pre.source .marked")) {
      row.classList.remove("marked");
    }
    const lines = /^#L(\d+)-L(\d+)$/.exec(window.location.hash);
    if (lines) {
      for (let i = Number(lines[1]); i <= Number(lines[2]); ++i) {
        document.getElementById(`L${i}`)?.classList.add("marked");
      }
      document.getElementById(`L${lines[1]}`)?.scrollIntoView();
      return;
    }
    const id = decodeURIComponent(window.location.hash.slice(1));
    const target = id && document.getElementById(id);
    if (!target) return;
    let fold = target.closest("details");
    if (fold && !fold.open) {
      for (; fold; fold = fold.parentElement.closest("details")) fold.open = true;
      target.scrollIntoView();
    }
  };

  // What a page that was found is about.

  const startSearch = () => {
    const results = document.getElementById("search-results");
    const about = window.ipcBook.about;
    if (!results || !about) return;
    const say = () => {
      for (const link of results.querySelectorAll("li > a:not([data-told])")) {
        link.dataset.told = "yes";
        const page = link.pathname.split("/").slice(-2).join("/");
        const text = about[page] || about[page.split("/").pop()];
        if (text) link.after(make("span", { class: "about" }, text));
      }
    };
    new MutationObserver(say).observe(results, { childList: true, subtree: true });
    say();
  };

  const start = () => {
    startTheme();
    startNavigation();
    startCopying();
    startPrinting();
    startPanel();
    startSections();
    startSearch();
    showTarget();
    window.addEventListener("hashchange", showTarget);
  };

  document.addEventListener("DOMContentLoaded", start);
  window.ipcBook = Object.assign(window.ipcBook || {}, {
    addSources,
    load,
    make,
    top,
  });
})();
