import { tests, type TestController, type TestItem, type TestMessage, type TestRun, type TestRunProfile } from 'vscode';

/** What the extension told the Test Explorer about one item. */
export interface Told {
  id: string;
  label: string;
  state: 'enqueued' | 'started' | 'passed' | 'failed' | 'errored' | 'skipped';
  messages: TestMessage[];
}

/** Watches the extension's test controller, which nothing but VS Code's own view can read. To be made before the extension is active. */
class ExplorerSpy {
  controller: TestController | undefined;
  told: Told[] = [];
  output = '';
  ended = 0;
  /** Run handlers of the profiles, by their labels. */
  readonly profiles = new Map<string, TestRunProfile['runHandler']>();
  invalidated: string[] = [];

  constructor() {
    const create = tests.createTestController;
    tests.createTestController = (id, label) => {
      const controller = create.call(tests, id, label);
      this.controller = controller;
      const createRun = controller.createTestRun.bind(controller);
      controller.createTestRun = (...args) => this.#watch(createRun(...args));
      const profile = controller.createRunProfile.bind(controller);
      controller.createRunProfile = (...args) => {
        this.profiles.set(args[0], args[2]);
        return profile(...args);
      };
      const invalidate = controller.invalidateTestResults.bind(controller);
      controller.invalidateTestResults = (items) => {
        for (const item of [items ?? []].flat()) this.invalidated.push(item.id);
        invalidate(items);
      };
      return controller;
    };
  }

  /** Forgets what was told. */
  clear(): void {
    this.told = [];
    this.output = '';
    this.invalidated = [];
  }

  /** The last state of each item, by label. */
  states(): Record<string, string> {
    return Object.fromEntries(this.told.map(({ label, state }) => [label, state]));
  }

  /** The top item whose file has this name. */
  shell(name: string): TestItem | undefined {
    return [...(this.controller?.items ?? [])].map(([, item]) => item).find(({ uri }) => uri?.path.endsWith(`/${name}`));
  }

  #watch(run: TestRun): TestRun {
    const states = ['enqueued', 'started', 'passed', 'failed', 'errored', 'skipped'] as const;
    return new Proxy(run, {
      get: (target, key) => {
        const value = Reflect.get(target, key, target) as unknown;
        if (typeof value !== 'function') return value;
        const call = value as (...args: unknown[]) => unknown;
        return (...args: unknown[]) => {
          const state = states.find((one) => one === key);
          const item = args[0] as TestItem;
          if (state) this.told.push({ id: item.id, label: item.label, state, messages: [args[1]].flat().filter(isMessage) });
          if (key === 'appendOutput') this.output += String(args[0]);
          if (key === 'end') this.ended += 1;
          return call.apply(target, args);
        };
      },
    });
  }
}

const isMessage = (value: unknown): value is TestMessage => typeof value === 'object' && value !== null && 'message' in value;

export const explorer = new ExplorerSpy();
