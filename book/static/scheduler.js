// You are the scheduler, in the page: walks in the recorded tree of an
// exploration. There is no interpreter here: each state that is shown has been
// reached by real processes, and was recorded; see book/explorations.py.
//
// The page has a <section id="scheduler">, made by book/scheduler_html.py, and
// this script brings it to life. The recordings come from a script of their
// own, which is loaded when the reader opens the scheduler, and which calls
// ipcBook.addExplorations().

"use strict";

(() => {
  const book = (window.ipcBook = window.ipcBook || {});

  const SHOW_STEP_MS = 1000;
  const ADDRESS_MS = 100;
  const DEEDS = {
    say: "says",
    send: "sends",
    receive: "receives",
    acquire: "acquires",
    release: "releases",
    wait: "waits for",
    wake: "no longer waits for",
  };

  // ---------------------------------------------------------------- words

  function count(number, noun) {
    const plural = noun.endsWith("ch") ? `${noun}es` : `${noun}s`;
    return `${number.toLocaleString("en")} ${number === 1 ? noun : plural}`;
  }

  // How often a schedule goes from one process to another.
  function switches(schedule) {
    const letters = schedule.toUpperCase();
    let found = 0;
    for (let i = 1; i < letters.length; i++) {
      if (letters[i] !== letters[i - 1]) found++;
    }
    return found;
  }

  const isKill = (letter) => letter !== letter.toUpperCase();
  const indexOf = (letter) => letter.toUpperCase().charCodeAt(0) - 65;
  const letterOf = (index) => String.fromCharCode(65 + index);
  const place = (text) => (text === "exit status 0" ? "its end" : text);
  const title = (outcome) =>
    outcome.kind === "outcome"
      ? `outcome: ${outcome.text || "(an empty text)"}`
      : `${outcome.kind}: ${outcome.text}`;

  function deeds(step) {
    const told = step.notes.map((note) => {
      const [kind, ...rest] = note.split(" ");
      return `${DEEDS[kind] || kind} ${rest.join(" ")}`;
    });
    // That it waits shows in the place that it has reached.
    return told.at(-1) === step.to ? told.slice(0, -1) : told;
  }

  // What a step is, in few words: "start \u2192 after load".
  const move = (step) =>
    isKill(step.letter)
      ? `is killed at: ${place(step.from)}`
      : `${place(step.from)} \u2192 ${place(step.to)}`;

  const inWords = (step) => [move(step), ...deeds(step)].join("; ");

  function stateInWords(process) {
    switch (process.state) {
      case "waiting":
        return `waits for ${process.place}`;
      case "woken":
        return `woken: can go on, waited for ${process.place}`;
      case "finished":
        if (process.place === "exit status 0") return "finished";
        return process.place.startsWith("killed")
          ? process.place
          : `finished: ${process.place}`;
      default:
        return process.place === "start"
          ? "at its start"
          : `at the point \u201c${process.place}\u201d`;
    }
  }

  // ----------------------------------------------------------------- tree

  // A recorded exploration, its texts in place of their numbers.
  class Tree {
    constructor(data, recorded) {
      this.data = data;
      this.recorded = recorded;
      this.names = data.processes;
      this.mayKill = data.states.some((s) => s.o !== s.o.toUpperCase());
    }

    // Where the processes are, and what they share.
    state(index) {
      const { texts, states } = this.data;
      const raw = states[index];
      const pairs = (numbers) => {
        const found = [];
        for (let i = 0; i < numbers.length; i += 2) {
          found.push([texts[numbers[i]], texts[numbers[i + 1]]]);
        }
        return found;
      };
      return {
        index,
        processes: pairs(raw.p).map(([state, where]) => ({
          state,
          place: where,
        })),
        views: pairs(raw.v),
        options: raw.o,
        known: Object.keys(raw.n),
        end: raw.e ? { kind: texts[raw.e[0]], text: texts[raw.e[1]] } : null,
      };
    }

    // The step that a letter stands for in a state; null if it is none.
    step(index, letter) {
      const found = Object.hasOwn(this.data.states[index].n, letter)
        ? this.data.states[index].n[letter]
        : null;
      if (!found) return null;
      const { texts } = this.data;
      return {
        letter,
        state: found[0],
        from: texts[found[1]],
        to: texts[found[2]],
        notes: found[3].map((number) => texts[number]),
      };
    }

    // Follows a schedule; also says why, if it cannot be followed to its end.
    walk(schedule) {
      const states = [0];
      const steps = [];
      for (const letter of schedule) {
        const step = this.step(states.at(-1), letter);
        if (!step) {
          const why = this.whyNot(states.at(-1), letter);
          return { states, steps, problem: why, stuck: letter };
        }
        steps.push(step);
        states.push(step.state);
      }
      return { states, steps, problem: "" };
    }

    // Why a choice cannot be made, in few words; "" if it can.
    whyNot(index, letter) {
      const state = this.state(index);
      if (state.known.includes(letter)) return "";
      const which = indexOf(letter);
      if (!(which >= 0 && which < this.names.length)) {
        return `there is no process ${letter.toUpperCase()}`;
      }
      const process = state.processes[which];
      if (process.state === "finished") return stateInWords(process);
      if (state.end) return "the schedule has ended";
      if (state.options.includes(letter)) return this.notRecorded();
      if (isKill(letter)) {
        return this.mayKill
          ? "no more deaths are allowed"
          : "no process is killed in this exploration";
      }
      if (process.state === "waiting") return `waits for ${process.place}`;
      return "cannot move now";
    }

    notRecorded() {
      const { preemptions, schedules } = this.data;
      if (preemptions !== null) {
        const most = count(preemptions, "pre-emption");
        return `not recorded: only schedules with at most ${most} were`;
      }
      return `not recorded: only the first ${count(schedules, "schedule")} were`;
    }

    outcomeOf(end) {
      return this.data.outcomes.find(
        (o) => o.kind === end.kind && o.text === end.text,
      );
    }

    // Whether all that can happen is known.
    get complete() {
      return this.data.complete && this.data.preemptions === null;
    }
  }

  // ------------------------------------------------------------- elements

  // Makes an element; attributes that are null or false are left out.
  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "onclick") element.addEventListener("click", value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== null && value !== false) {
        element.setAttribute(name, value);
      }
    }
    element.append(...children.filter((c) => c !== null && c !== undefined));
    return element;
  }

  const button = (text, onclick, attributes) =>
    make("button", { type: "button", onclick, ...attributes }, text);

  // A button that says why it does nothing stays in reach of the keyboard.
  function enable(element, can) {
    if (can) element.removeAttribute("aria-disabled");
    else element.setAttribute("aria-disabled", "true");
  }

  const badge = (letter) =>
    make(
      "span",
      { class: `sched-letter sched-p${indexOf(letter) % 8}` },
      letter,
    );

  const setText = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  // The letters of a schedule, each in the colour of its process.
  function letters(schedule) {
    const shown = make("span", { class: "sched-word" });
    for (const letter of schedule) {
      const colour = `sched-ink${indexOf(letter) % 8}`;
      shown.append(make("span", { class: colour }, letter));
    }
    if (!schedule) shown.append("(no step yet)");
    return shown;
  }

  // How a schedule has ended, for people.
  function ending(tree, end) {
    const box = make("div", { class: `sched-end sched-${end.kind}` });
    const outcome = tree.outcomeOf(end);
    const heads = {
      outcome: "It has ended.",
      deadlock: "Deadlock: no process can go on.",
      broken: "Broken: what must always hold no longer does.",
      failed: "Failed: a process ended with an error.",
      endless: "It goes on and on: no end was seen.",
    };
    box.append(make("strong", {}, heads[end.kind] || `${end.kind}:`));
    if (end.kind === "outcome") {
      box.append(make("p", {}, "Outcome: ", make("b", {}, end.text)));
    } else {
      const list = make("ul", {});
      for (const clause of end.text.split("; ")) {
        list.append(make("li", {}, clause));
      }
      box.append(list);
    }
    if (outcome) {
      const all = count(tree.data.schedules, "schedule");
      const kind = tree.complete ? "" : " recorded";
      const verb = outcome.count === 1 ? "ends" : "end";
      const rest =
        outcome.count === tree.data.schedules
          ? `All of the ${all}${kind} end like this.`
          : `${outcome.count} of the ${all}${kind} ${verb} like this.`;
      box.append(make("p", { class: "sched-faint" }, rest));
    }
    return box;
  }

  // ------------------------------------------------------------ scheduler

  class Scheduler {
    // Args:
    //   root: an empty element.
    //   tell: is called after each change, with the key and the schedule.
    constructor(root, tell) {
      this.root = root;
      this.tell = tell;
      this.timer = 0;
      root.classList.add("sched");
      root.tabIndex = -1;
      root.setAttribute("role", "group");
      root.setAttribute("aria-label", "The scheduler");
      root.addEventListener("keydown", (event) => this.onKey(event));
    }

    // Shows an exploration from its start.
    open(tree) {
      this.stop();
      this.tree = tree;
      this.schedule = "";
      this.future = "";
      this.kept = null;
      this.hinted = "";
      const goals = tree.data.outcomes;
      this.goal = goals.some((g) => g.wrong) ? goals[0] : null;
      this.build();
      this.show("Choose which process moves first.");
    }

    // ---- what can be done

    choose(letter) {
      this.stop();
      const { states } = this.tree.walk(this.schedule);
      const why = this.tree.whyNot(states.at(-1), letter);
      if (why) {
        const name = this.tree.names[indexOf(letter)];
        this.say(
          name
            ? `${letter.toUpperCase()} ${name} cannot: ${why}.`
            : `There is no process ${letter.toUpperCase()}.`,
        );
        return;
      }
      this.take(letter);
    }

    take(letter) {
      this.future = this.future.startsWith(letter)
        ? this.future.slice(1)
        : "";
      this.schedule += letter;
      this.show(this.lastStep());
      // On a telephone the end may be below the screen.
      if (this.parts.end.firstChild) {
        this.parts.end.scrollIntoView({ block: "nearest" });
      }
    }

    // Goes to a schedule, or as far as that was recorded.
    go(schedule) {
      this.stop();
      const { steps, problem, stuck } = this.tree.walk(schedule);
      this.schedule = schedule.slice(0, steps.length);
      this.future = "";
      if (!problem) {
        this.show(this.schedule ? this.lastStep() : "At the start.");
        return "";
      }
      const after = this.schedule
        ? `after ${this.schedule}, ${stuck} cannot be next`
        : `${stuck} cannot be first`;
      const told = `There is no schedule ${schedule}: ${after} (${problem}).`;
      this.show(told);
      return told;
    }

    // Goes back or forward in the schedule that is on the screen.
    seek(steps) {
      this.stop();
      const all = this.schedule + this.future;
      const back = steps < this.schedule.length;
      this.schedule = all.slice(0, steps);
      this.future = all.slice(steps);
      const at = steps ? `Back after step ${steps}.` : "At the start.";
      this.show(back || !steps ? at : this.lastStep());
    }

    undo() {
      if (!this.schedule) this.say("There is nothing to undo.");
      else this.seek(this.schedule.length - 1);
    }

    redo() {
      if (!this.future) this.say("There is nothing to redo.");
      else this.seek(this.schedule.length + 1);
    }

    restart() {
      if (!this.schedule) this.say("It is at the start.");
      else this.seek(0);
    }

    hint() {
      this.stop();
      if (!this.goal) return this.say("Choose a goal first.");
      if (this.reached()) return this.say("The goal is reached.");
      const { witness } = this.goal;
      if (!witness.startsWith(this.schedule)) {
        let on = this.schedule;
        while (!witness.startsWith(on)) on = on.slice(0, -1);
        const back = this.schedule.length - on.length;
        return this.say(`Hint: undo ${count(back, "step")}.`);
      }
      const letter = witness[this.schedule.length];
      this.hinted = letter;
      const name = this.tree.names[indexOf(letter)];
      const what = isKill(letter) ? "kill " : "";
      return this.show(`Hint: ${what}${letter.toUpperCase()} ${name}.`);
    }

    // Plays the best way to the goal step by step.
    showMe() {
      if (this.timer) {
        this.stop();
        this.say("Stopped.");
        return;
      }
      if (!this.goal) {
        this.say("Choose a goal first.");
        return;
      }
      this.schedule = "";
      this.future = this.goal.witness;
      if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) {
        this.show("Press Redo for each step of the best way.");
        return;
      }
      this.show("From the start, step by step.");
      this.timer = window.setInterval(() => {
        if (this.future) this.take(this.future[0]);
        if (!this.future) this.stop();
      }, SHOW_STEP_MS);
      setText(this.parts.showMe, "Stop");
    }

    stop() {
      window.clearInterval(this.timer);
      this.timer = 0;
      if (this.parts) setText(this.parts.showMe, "Show me");
    }

    keep(schedule) {
      this.kept = schedule;
      this.show(
        schedule === null
          ? "No longer compared."
          : "Kept. Now choose another schedule to compare with it.",
      );
    }

    reached() {
      const { states } = this.tree.walk(this.schedule);
      const { end } = this.tree.state(states.at(-1));
      return Boolean(
        end &&
          this.goal &&
          end.kind === this.goal.kind &&
          end.text === this.goal.text,
      );
    }

    onKey(event) {
      const { target } = event;
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName)) return;
      const key = event.key.toLowerCase();
      const keys = {
        u: () => this.undo(),
        backspace: () => this.undo(),
        y: () => this.redo(),
        r: () => this.restart(),
        h: () => this.hint(),
      };
      const last = letterOf(this.tree.names.length - 1).toLowerCase();
      if (/^[a-z]$/.test(key) && key <= last) {
        this.choose(event.shiftKey ? key : key.toUpperCase());
      } else if (Object.hasOwn(keys, key)) keys[key]();
      else return;
      event.preventDefault();
    }

    // ---- what is shown

    say(text) {
      setText(this.parts.said, text);
    }

    lastStep() {
      const { states, steps } = this.tree.walk(this.schedule);
      const step = steps.at(-1);
      const name = this.tree.names[indexOf(step.letter)];
      const told = [
        `${step.letter.toUpperCase()} ${name}: ${inWords(step)}.`,
      ];
      const changes = this.changes(states.at(-2), states.at(-1));
      for (const [view, , now] of changes) told.push(`${view} is now ${now}.`);
      const { end } = this.tree.state(states.at(-1));
      if (end) {
        const what = end.kind === "outcome" ? title(end) : end.kind;
        told.push(`It has ended: ${what}.`);
      }
      return told.join(" ");
    }

    // What is shared differently in two states: [name, before, after].
    changes(before, after) {
      const old = new Map(this.tree.state(before).views);
      return this.tree
        .state(after)
        .views.filter(([name, value]) => old.get(name) !== value)
        .map(([name, value]) => [name, old.get(name), value]);
    }

    // Makes all that stays as long as the exploration is the same.
    build() {
      const { tree } = this;
      this.parts = {};
      this.root.replaceChildren(
        this.buildGoal(),
        this.buildTable(),
        this.buildControls(),
        this.buildHistory(),
        this.buildCompare(),
        this.buildFoot(),
      );
      this.root.dataset.key = tree.data.key;
    }

    buildGoal() {
      const groups = new Map();
      const select = make("select", { class: "sched-goal-choice" });
      select.append(make("option", { value: "" }, "none: just look around"));
      this.tree.data.outcomes.forEach((goal, i) => {
        if (!groups.has(goal.how)) {
          groups.set(goal.how, make("optgroup", { label: goal.how }));
          select.append(groups.get(goal.how));
        }
        const par = count(goal.par, "switch");
        let text = title(goal);
        if (text.length > 70) text = `${text.slice(0, 67)}...`;
        const option = make("option", { value: i }, `${text} (par ${par})`);
        option.selected = goal === this.goal;
        groups.get(goal.how).append(option);
      });
      select.addEventListener("change", () => {
        this.stop();
        this.goal = this.tree.data.outcomes[select.value] || null;
        this.hinted = "";
        this.show(this.goal ? `The goal is: ${title(this.goal)}.` : "No goal.");
      });
      this.parts.goalText = make("p", { class: "sched-goal-text" });
      this.parts.showMe = button("Show me", () => this.showMe());
      return make(
        "div",
        { class: "sched-goal" },
        make("label", {}, "Goal ", select),
        make(
          "div",
          { class: "sched-buttons" },
          button("Hint", () => this.hint()),
          this.parts.showMe,
        ),
        this.parts.goalText,
      );
    }

    buildTable() {
      this.parts.cards = this.tree.names.map((name, i) => {
        const letter = letterOf(i);
        const where = make("p", { class: "sched-where" });
        const ahead = make("p", { class: "sched-ahead" });
        where.id = `sched-where-${letter}`;
        ahead.id = `sched-ahead-${letter}`;
        const go = button("", () => this.choose(letter), {
          class: "sched-move",
          "data-letter": letter,
          "aria-describedby": `${where.id} ${ahead.id}`,
        });
        go.append(`${letter} ${name} \u2192`);
        const kill = this.tree.mayKill
          ? button(
              `Kill ${letter}`,
              () => this.choose(letter.toLowerCase()),
              {
                class: "sched-kill",
                "data-letter": letter.toLowerCase(),
                "aria-label": `Kill ${letter} ${name}`,
              },
            )
          : null;
        const card = make(
          "li",
          { class: `sched-card sched-edge${i % 8}` },
          make("p", { class: "sched-name" }, badge(letter), ` ${name}`),
          // Above what changes, so that it stays under the finger.
          make("div", { class: "sched-buttons" }, go, kill),
          where,
          ahead,
        );
        return { letter, card, where, ahead, go, kill };
      });
      this.parts.shared = make("dl", { class: "sched-views" });
      const shared = make(
        "div",
        { class: "sched-shared" },
        make("p", { class: "sched-name" }, "Shared"),
        this.parts.shared,
      );
      return make(
        "div",
        { class: `sched-table${this.tree.mayKill ? " sched-kills" : ""}` },
        make(
          "ul",
          { class: "sched-cards", "aria-label": "Processes" },
          ...this.parts.cards.map((c) => c.card),
        ),
        shared,
      );
    }

    buildControls() {
      const { parts } = this;
      parts.said = make("p", {
        class: "sched-said",
        role: "status",
        "aria-live": "polite",
      });
      parts.end = make("div", {});
      parts.undo = button("Undo", () => this.undo());
      parts.redo = button("Redo", () => this.redo());
      parts.restart = button("Restart", () => this.restart());
      parts.word = make("p", { class: "sched-schedule" });
      return make(
        "div",
        { class: "sched-controls" },
        parts.said,
        parts.end,
        make(
          "div",
          { class: "sched-buttons" },
          parts.undo,
          parts.redo,
          parts.restart,
        ),
        parts.word,
      );
    }

    buildHistory() {
      const heads = this.tree.names.map((name, i) =>
        make("th", { scope: "col" }, badge(letterOf(i)), ` ${name}`),
      );
      this.parts.history = make("tbody", {});
      return make(
        "div",
        {
          class: "sched-scroll",
          tabindex: "0",
          role: "region",
          "aria-label": "The steps so far",
        },
        make(
          "table",
          { class: "sched-history" },
          make("caption", {}, "The steps so far. Choose one to go there."),
          make(
            "thead",
            {},
            make(
              "tr",
              {},
              make("th", { scope: "col" }, "step"),
              ...heads,
              make("th", { scope: "col" }, "shared"),
            ),
          ),
          this.parts.history,
        ),
      );
    }

    buildCompare() {
      this.parts.compare = make("div", { class: "sched-compare" });
      return this.parts.compare;
    }

    buildFoot() {
      const { data, recorded } = this.tree;
      const date = new Date(recorded.date);
      const day = Number.isNaN(date.getTime())
        ? recorded.date
        : date.toLocaleDateString("en-US", {
            year: "numeric",
            month: "long",
            day: "numeric",
            timeZone: "UTC",
          });
      const all = this.tree.complete
        ? `all ${count(data.schedules, "schedule")}`
        : count(data.schedules, "schedule");
      this.parts.replay = make("code", {});
      const keys = this.tree.names.map((_, i) => letterOf(i).toLowerCase());
      const kills = this.tree.mayKill ? "; with Shift the process dies" : "";
      return make(
        "div",
        { class: "sched-foot" },
        make(
          "p",
          {},
          `Recorded on ${day} on ${recorded.machine} from real processes: `,
          `${all}. Nothing is computed in this page.`,
        ),
        make("p", {}, "The same in a terminal:"),
        make(
          "pre",
          { tabindex: "0", "aria-label": "The command" },
          this.parts.replay,
        ),
        make(
          "p",
          { class: "sched-keys" },
          `Keys: ${keys.join(", ")} for the next step${kills}; `,
          "u undo, y redo, r restart, h hint.",
        ),
      );
    }

    // Shows where the schedule stands, with a sentence about it.
    show(told) {
      const walked = this.tree.walk(this.schedule);
      const state = this.tree.state(walked.states.at(-1));
      this.showGoal();
      this.showCards(state);
      this.showShared(walked.states);
      this.showEnd(state);
      this.showControls();
      this.showHistory();
      this.showCompare();
      this.say(told);
      this.hinted = "";
      this.tell(this.tree.data.key, this.schedule);
    }

    showGoal() {
      const { goal, tree } = this;
      const mine = count(switches(this.schedule), "switch");
      const { goalText } = this.parts;
      if (!goal) {
        const nothing = tree.data.outcomes.every((o) => !o.wrong);
        const known = tree.complete ? "can be reached" : "was recorded";
        setText(
          goalText,
          nothing && tree.data.outcomes.length === 1
            ? `No other outcome ${known}: look around, and see why.`
            : `You have ${mine} so far.`,
        );
        return;
      }
      const par = tree.complete ? "Par is" : "The best known way has";
      // A choice in a list is cut off where it is too long.
      const full = title(goal).length > 30 ? `${title(goal)}. ` : "";
      setText(
        goalText,
        `${full}${par} ${count(goal.par, "switch")}; you have ${mine}.`,
      );
    }

    showCards(state) {
      const moved = this.schedule ? indexOf(this.schedule.at(-1)) : -1;
      this.parts.cards.forEach((card, i) => {
        setText(card.where, stateInWords(state.processes[i]));
        card.card.classList.toggle("sched-moved", i === moved);
        const can = this.tree.whyNot(state.index, card.letter) === "";
        enable(card.go, can);
        const hinted = this.hinted.toUpperCase() === card.letter;
        card.go.classList.toggle(
          "sched-hinted",
          hinted && !isKill(this.hinted),
        );
        let told = "";
        if (can) {
          const next = this.tree.step(state.index, card.letter);
          told = `next: ${[place(next.to), ...deeds(next)].join("; ")}`;
        } else if (state.processes[i].state !== "finished") {
          const why = this.tree.whyNot(state.index, card.letter);
          told = why.startsWith("waits for") ? "cannot move: it waits" : why;
        }
        setText(card.ahead, told);
        if (card.kill) {
          const kill = card.letter.toLowerCase();
          const why = this.tree.whyNot(state.index, kill);
          enable(card.kill, why === "");
          card.kill.title = why;
          card.kill.classList.toggle(
            "sched-hinted",
            hinted && isKill(this.hinted),
          );
        }
      });
    }

    showShared(states) {
      const now = this.tree.state(states.at(-1));
      const changes =
        states.length > 1 ? this.changes(states.at(-2), states.at(-1)) : [];
      const before = new Map(changes.map(([name, old]) => [name, old]));
      const rows = now.views.map(([name, value]) => {
        const changed = before.has(name);
        const old = before.get(name);
        return make(
          "div",
          { class: changed ? "sched-changed" : null },
          make("dt", {}, name),
          make(
            "dd",
            {},
            value,
            changed
              ? make(
                  "span",
                  { class: "sched-was" },
                  old === undefined ? " (new)" : ` (was ${old})`,
                )
              : null,
          ),
        );
      });
      if (!rows.length) {
        rows.push(make("div", {}, "(nothing of it is shown)"));
      }
      this.parts.shared.replaceChildren(...rows);
    }

    showEnd(state) {
      const { end } = this.parts;
      if (!state.end) {
        end.replaceChildren();
        return;
      }
      end.replaceChildren(ending(this.tree, state.end));
      if (!this.goal) return;
      if (!this.reached()) {
        end.prepend(
          make(
            "p",
            { class: "sched-missed" },
            "That is not the goal. Undo steps, or restart.",
          ),
        );
        return;
      }
      const mine = switches(this.schedule);
      const { par } = this.goal;
      let more = "";
      if (mine > par) more = ` ${count(par, "switch")} would do: how?`;
      else more = this.tree.complete ? " No way has fewer." : "";
      end.prepend(
        make(
          "p",
          { class: "sched-reached" },
          make("strong", {}, `Reached: ${title(this.goal)}`),
          ` in ${count(mine, "switch")}, par ${par}.${more}`,
        ),
      );
    }

    showControls() {
      const { parts } = this;
      enable(parts.undo, this.schedule !== "");
      enable(parts.redo, this.future !== "");
      enable(parts.restart, this.schedule !== "");
      parts.word.replaceChildren(
        "Schedule: ",
        letters(this.schedule),
        ` (${count(switches(this.schedule), "switch")}) `,
        make(
          "a",
          { href: `#scheduler=${this.tree.data.key}:${this.schedule}` },
          "Link to it",
        ),
      );
      const word = this.schedule ? ` --schedule=${this.schedule}` : "";
      setText(parts.replay, this.tree.data.command + word);
    }

    showHistory() {
      const { history } = this.parts;
      const focused = history.contains(document.activeElement)
        ? document.activeElement.dataset.step
        : null;
      const { states, steps } = this.tree.walk(this.schedule + this.future);
      const rows = states.map((index, i) => this.historyRow(states, steps, i));
      history.replaceChildren(...rows);
      if (focused !== null) {
        history.querySelector(`[data-step="${focused}"]`)?.focus();
      }
    }

    historyRow(states, steps, i) {
      const step = i ? steps[i - 1] : null;
      const lane = step ? indexOf(step.letter) : -1;
      const at = this.schedule.length;
      const cells = this.tree.names.map((name, column) => {
        if (column !== lane) return make("td", { class: "sched-none" });
        return make(
          "td",
          { class: `sched-step sched-edge${column % 8}` },
          make(
            "span",
            { class: "sched-who" },
            make("b", {}, step.letter),
            make("span", { class: "sched-narrow" }, ` ${name}`),
          ),
          make("span", {}, ` ${move(step)}`),
          ...deeds(step).map((deed) =>
            make("span", { class: "sched-deed" }, deed),
          ),
        );
      });
      const changes = i
        ? this.changes(states[i - 1], states[i]).map(([name, old, now]) =>
            make(
              "span",
              { class: "sched-deed" },
              `${name}: `,
              old === undefined ? "" : `${old} \u2192 `,
              make("b", {}, now),
            ),
          )
        : this.tree
            .state(0)
            .views.map(([name, value]) =>
              make("span", { class: "sched-deed" }, `${name}: ${value}`),
            );
      const where = i ? `Go to step ${i}` : "Go to the start";
      const row = make(
        "tr",
        {
          class: i > at ? "sched-future" : i === at ? "sched-now" : null,
          "aria-current": i === at ? "step" : null,
        },
        make(
          "th",
          { scope: "row" },
          button(i ? String(i) : "start", null, {
            class: "sched-back",
            "data-step": i,
            "aria-label": where,
          }),
        ),
        ...cells,
        make("td", { class: "sched-change" }, ...changes),
      );
      if (!i) row.classList.add("sched-first");
      row.style.setProperty("--lane", Math.max(lane, 0));
      row.addEventListener("click", () => this.seek(i));
      return row;
    }

    // ---- two schedules side by side

    showCompare() {
      const { compare } = this.parts;
      if (this.kept === null) {
        if (compare.querySelector(".sched-keep")) return;
        compare.replaceChildren(
          button("Compare with another schedule", () => this.keep(this.schedule), {
            class: "sched-keep",
          }),
        );
        return;
      }
      if (!compare.querySelector(".sched-pair")) this.buildPair();
      this.showPair();
    }

    buildPair() {
      const { parts } = this;
      const input = make("input", {
        type: "text",
        autocomplete: "off",
        autocapitalize: "off",
        spellcheck: "false",
        class: "sched-typed",
      });
      const select = make(
        "select",
        {},
        make("option", { value: "" }, "choose"),
        ...this.tree.data.outcomes.map((o, i) => {
          let text = title(o);
          if (text.length > 60) text = `${text.slice(0, 57)}...`;
          return make("option", { value: i }, `${text}: ${o.witness}`);
        }),
      );
      select.addEventListener("change", () => {
        const outcome = this.tree.data.outcomes[select.value];
        if (outcome) this.go(outcome.witness);
        select.value = "";
      });
      const form = make(
        "form",
        { class: "sched-type" },
        make("label", {}, "Letters of another schedule ", input),
        make("button", {}, "Play"),
      );
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        this.go(input.value.trim());
      });
      parts.pair = make("tbody", {});
      parts.pairSaid = make("p", { class: "sched-pair-said" });
      parts.pairHead = make("tr", {});
      parts.compare.replaceChildren(
        make(
          "div",
          { class: "sched-pair" },
          make("p", { class: "sched-name" }, "Two schedules side by side"),
          make(
            "label",
            {},
            "An outcome\u2019s simplest schedule ",
            select,
          ),
          form,
          parts.pairSaid,
          make(
            "div",
            {
              class: "sched-scroll",
              tabindex: "0",
              role: "region",
              "aria-label": "Two schedules side by side",
            },
            make(
              "table",
              { class: "sched-two" },
              make("thead", {}, parts.pairHead),
              parts.pair,
            ),
          ),
          make(
            "div",
            { class: "sched-buttons" },
            button("Keep the present one", () => this.keep(this.schedule)),
            button("Swap", () => {
              const kept = this.schedule;
              const now = this.kept;
              this.kept = kept;
              this.go(now);
            }),
            button("Close", () => this.keep(null)),
          ),
        ),
      );
    }

    showPair() {
      const { parts } = this;
      const words = [this.kept, this.schedule];
      const walks = words.map((word) => this.tree.walk(word));
      const most = Math.max(...words.map((word) => word.length));
      let first = 0;
      while (first < most && words[0][first] === words[1][first]) first++;
      parts.pairHead.replaceChildren(
        make("th", { scope: "col" }, "step"),
        make("th", { scope: "col" }, "kept: ", letters(words[0])),
        make("th", { scope: "col" }, "present: ", letters(words[1])),
      );
      const rows = [];
      for (let i = 0; i < most; i++) {
        if (i === first) {
          rows.push(
            make(
              "tr",
              { class: "sched-differs" },
              make("td", { colspan: "3" }, "The first difference:"),
            ),
          );
        }
        const cells = walks.map((walk) => this.pairCell(walk, i));
        rows.push(
          make("tr", {}, make("th", { scope: "row" }, String(i + 1)), ...cells),
        );
      }
      rows.push(
        make(
          "tr",
          { class: "sched-ends" },
          make("th", { scope: "row" }, "end"),
          ...walks.map((walk) => this.pairEnd(walk)),
        ),
      );
      parts.pair.replaceChildren(...rows);
      setText(
        parts.pairSaid,
        first === most
          ? "They are the same so far."
          : `The first difference is step ${first + 1}.`,
      );
    }

    pairCell(walk, i) {
      const step = walk.steps[i];
      if (!step) return make("td", { class: "sched-none" });
      const changes = this.changes(walk.states[i], walk.states[i + 1]);
      const which = indexOf(step.letter);
      return make(
        "td",
        { class: `sched-step sched-edge${which % 8}` },
        make("b", {}, `${step.letter} ${this.tree.names[which]}`),
        make("span", { class: "sched-deed" }, move(step)),
        ...deeds(step).map((deed) =>
          make("span", { class: "sched-deed" }, deed),
        ),
        ...changes.map(([name, , now]) =>
          make(
            "span",
            { class: "sched-deed" },
            `${name} = `,
            make("b", {}, now),
          ),
        ),
      );
    }

    pairEnd(walk) {
      const { end, views } = this.tree.state(walk.states.at(-1));
      const cell = make("td", {});
      cell.append(
        end
          ? make("strong", {}, title(end))
          : make("span", { class: "sched-faint" }, "has not ended"),
      );
      for (const [name, value] of views) {
        cell.append(
          make("span", { class: "sched-deed" }, `${name} = ${value}`),
        );
      }
      return cell;
    }
  }

  // ------------------------------------------------------------- the page

  const trees = new Map();

  // Is called by the script with the recordings.
  book.addExplorations = (explorations, recorded) => {
    for (const data of explorations) {
      trees.set(data.key, new Tree(data, recorded));
    }
  };

  // The section of a chapter: questions, outcomes, and one scheduler.
  class Section {
    constructor(root) {
      this.root = root;
      this.articles = new Map();
      for (const article of root.querySelectorAll(".exploration")) {
        this.articles.set(article.dataset.key, article);
      }
      this.opened = new Set();
      this.loading = null;
      this.problem = make("p", { class: "sched-problem", role: "alert" });
      this.stage = make("div", {});
      this.stage.hidden = true;
      this.scheduler = new Scheduler(this.stage, (key, schedule) =>
        this.remember(key, schedule),
      );
      root.append(this.stage);
      root.classList.add("explorations-live");
      this.buildChoice();
      for (const [key, article] of this.articles) this.enliven(key, article);
      this.choose(this.first());
      window.addEventListener("hashchange", () => this.follow());
      this.follow();
    }

    first() {
      return this.articles.keys().next().value;
    }

    buildChoice() {
      this.select = make("select", {});
      for (const [key, article] of this.articles) {
        this.select.append(
          make("option", { value: key }, article.dataset.title),
        );
      }
      this.select.addEventListener("change", () => {
        this.problem.textContent = "";
        this.choose(this.select.value);
      });
      const choice = make(
        "p",
        { class: "sched-choice" },
        make("label", {}, "What is played ", this.select),
      );
      choice.hidden = this.articles.size < 2;
      const first = this.root.querySelector(".exploration");
      first.before(choice, this.problem);
    }

    // Makes the question of an exploration one that can be answered.
    enliven(key, article) {
      article.open = true;
      const found = article.querySelector(".exploration-found");
      const form = article.querySelector(".prediction");
      for (const hidden of article.querySelectorAll(".needs-script")) {
        hidden.hidden = false;
      }
      article
        .querySelector(".exploration-open")
        .addEventListener("click", () => this.reveal(key, true));
      found.addEventListener("toggle", () => {
        if (found.open) this.reveal(key, false);
      });
      form?.addEventListener("submit", (event) => {
        event.preventDefault();
        this.judge(article);
        this.reveal(key, false);
      });
    }

    // Says of each choice whether the answer was right.
    judge(article) {
      let right = 0;
      const boxes = [...article.querySelectorAll(".prediction input")];
      for (const box of boxes) {
        const answer = article.querySelector(
          `.prediction-answer[data-letter="${box.value}"]`,
        );
        const good = box.checked === (answer.dataset.can === "yes");
        if (good) right++;
        answer.classList.toggle("prediction-right", good);
        answer.classList.toggle("prediction-wrong", !good);
        const said = box.checked ? "can" : "cannot";
        answer.querySelector(".prediction-verdict").textContent = good
          ? "\u2713 Right: "
          : `\u2717 You said that it ${said}. `;
      }
      const total = boxes.length;
      const key = article.dataset.key;
      article
        .querySelector(".prediction-score")
        .replaceChildren(
          right === total ? "All right. " : `${right} of ${total} right. `,
          make(
            "a",
            { href: `#scheduler=${key}:`, class: "prediction-go" },
            "Now choose the order yourself",
          ),
        );
    }

    // Unfolds what comes out, and the scheduler.
    reveal(key, focus) {
      const article = this.articles.get(key);
      article.querySelector(".exploration-found").open = true;
      article.querySelector(".exploration-open").hidden = true;
      if (this.opened.has(key)) return Promise.resolve(true);
      return this.load().then(
        () => {
          this.opened.add(key);
          if (this.select.value === key && this.shown() !== key) {
            this.play(key);
            if (focus) this.stage.focus();
          }
          return true;
        },
        () => {
          this.problem.textContent =
            "The recordings cannot be loaded: their file is missing.";
          return false;
        },
      );
    }

    shown() {
      return this.stage.hidden ? "" : this.stage.dataset.key;
    }

    play(key) {
      this.stage.hidden = false;
      this.quiet = true;
      this.scheduler.open(trees.get(key));
      this.quiet = false;
    }

    // Shows one exploration, and its scheduler if that is open.
    choose(key) {
      this.select.value = key;
      for (const [other, article] of this.articles) {
        article.hidden = other !== key;
      }
      if (this.shown() === key) return;
      this.scheduler.stop();
      if (this.opened.has(key)) this.play(key);
      else this.stage.hidden = true;
    }

    load() {
      const there = [...this.articles.keys()].every((key) => trees.has(key));
      if (there) return Promise.resolve();
      this.loading ??= new Promise((resolve, reject) => {
        const script = make("script", { src: this.root.dataset.explorations });
        script.addEventListener("load", resolve);
        script.addEventListener("error", () => {
          this.loading = null;
          reject(new Error(script.src));
        });
        document.head.append(script);
      });
      return this.loading;
    }

    // ---- links

    // Puts the schedule into the address. Browsers refuse to do that hundreds
    // of times in a few seconds, so the last of many changes is what counts.
    remember(key, schedule) {
      if (this.quiet) return;
      this.problem.textContent = "";
      this.address = `#scheduler=${key}:${schedule}`;
      this.addressTimer ??= window.setTimeout(() => {
        this.addressTimer = null;
        try {
          window.history.replaceState(null, "", this.address);
        } catch (error) {
          // Some browsers refuse that for files; the page works without.
        }
      }, ADDRESS_MS);
    }

    // Goes where the address says.
    async follow() {
      window.clearTimeout(this.addressTimer);
      this.addressTimer = null;
      const hash = decode(window.location.hash.slice(1));
      const full = /^scheduler=([^:]*)(?::(.*))?$/.exec(hash);
      const named = /^exploration-(.+)$/.exec(hash);
      if (named && this.articles.has(named[1])) {
        this.choose(named[1]);
        this.articles.get(named[1]).scrollIntoView();
        return;
      }
      let [key, schedule] = full ? [full[1], full[2] || ""] : ["", ""];
      if (!full) {
        const short = /^(?=.*[A-H])[A-Ha-h]+$/.test(hash);
        if (!short || document.getElementById(hash)) return;
        [key, schedule] = [this.first(), hash];
      }
      this.problem.textContent = "";
      if (!this.articles.has(key)) {
        this.problem.textContent = `There is no exploration \u201c${key}\u201d here.`;
        this.root.scrollIntoView();
        return;
      }
      this.choose(key);
      if (!(await this.reveal(key, false))) return;
      const problem = this.scheduler.go(schedule);
      this.problem.textContent = problem;
      (problem ? this.problem : this.stage).scrollIntoView();
      this.stage.focus({ preventScroll: true });
    }
  }

  function decode(text) {
    try {
      return decodeURIComponent(text);
    } catch (error) {
      return text;
    }
  }

  function start() {
    for (const root of document.querySelectorAll(
      "section[data-explorations]",
    )) {
      book.schedulerSection = new Section(root);
    }
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else start();
})();
