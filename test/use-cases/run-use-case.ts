import type { Bed } from '../bed/bed.ts';
import { LATE_US } from '../lab/lateness.ts';
import type { TributarySetup } from '../lab/tributary-setup.ts';
import { type Check, isMet } from './check.ts';
import { picture, STEP_MS } from './picture.ts';
import { type Machine, Scene, type SceneEvent } from './scene.ts';
import type { UseCase } from './use-case.ts';

/** `too slow`: it was missed, but the machine was too busy for that to mean anything. */
export type Verdict = 'met' | 'missed' | 'too slow';

/** What came of a use case, as the JSON has it. */
export interface Outcome {
  readonly name: string;
  readonly title: string;
  readonly requirement: string;
  readonly client: UseCase['client'];
  readonly verdict: Verdict;
  readonly checks: readonly Check[];
  /** Why there are no checks. */
  readonly error?: string;
  /** What went wrong for the applications. */
  readonly complaints: readonly string[];
  readonly machine?: Machine;
  readonly events: readonly SceneEvent[];
  /** Mbit/s in each step of {@link STEP_MS}. */
  readonly rates: Readonly<Record<string, Readonly<Record<'up' | 'down', readonly number[]>>>>;
  readonly stepMs: number;
}

/** An outcome, and its pictures by name. */
export interface Played {
  readonly outcome: Outcome;
  readonly pictures: ReadonlyMap<string, string>;
}

/** Beyond, a program waited longer for a processor than it ran: times say nothing. On an idle machine it is 0.1 to 0.2. */
const CALM_CPU_WAIT_SHARE = 0.5;
const DIGITS = 1e3;

/** Plays a use case in a bed of its own. `onBed` learns of the bed, to close it when all is to end at once. */
export async function runUseCase(
  useCase: UseCase,
  setup: TributarySetup,
  onBed: (bed: Bed) => void,
): Promise<Played> {
  let scene: Scene | undefined;
  let checks: readonly Check[] = [];
  let error: string | undefined;
  try {
    scene = await Scene.create(useCase, setup, onBed);
    checks = await useCase.play(scene);
    await scene.end();
  } catch (reason) {
    error = (reason as Error).message;
  }
  // Also of what went wrong: it may have been the machine's fault. A program that has ended tells nothing.
  const machine = await scene?.machine().catch(() => undefined);
  const pictures = new Map(
    useCase.drawn.flatMap((direction) =>
      scene?.isRecorded ? [[`${useCase.name}-${direction}`, picture(useCase, scene, direction)]] : [],
    ),
  );
  const { name, title, requirement, client } = useCase;
  const outcome: Outcome = {
    ...{ name, title, requirement, client, checks },
    verdict: verdictOf(checks, error, machine),
    ...(error === undefined ? {} : { error }),
    ...(machine ? { machine } : {}),
    complaints: scene?.complaints ?? [],
    events: scene?.events ?? [],
    rates: scene?.isRecorded ? ratesOf(scene) : {},
    stepMs: STEP_MS,
  };
  await scene?.close();
  return { outcome, pictures };
}

function verdictOf(
  checks: readonly Check[],
  error: string | undefined,
  machine: Machine | undefined,
): Verdict {
  if (error === undefined && checks.every(isMet)) return 'met';
  const isBusy =
    machine !== undefined && (machine.emulatorLateUs > LATE_US || machine.cpuWaitShare > CALM_CPU_WAIT_SHARE);
  return isBusy ? 'too slow' : 'missed';
}

function ratesOf({ traffic }: Scene): Outcome['rates'] {
  const rounded = (values: readonly number[]) => values.map((value) => Math.round(value * DIGITS) / DIGITS);
  return Object.fromEntries(
    traffic.links.map((link) => [
      link,
      {
        up: rounded(traffic.rates(link, 'up', STEP_MS)),
        down: rounded(traffic.rates(link, 'down', STEP_MS)),
      },
    ]),
  );
}
