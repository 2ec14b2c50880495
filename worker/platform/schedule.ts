// An object has one alarm and several things to do. When each is due stands in memory, the alarm rings for the first; an
// object that lost its memory is woken by the alarm it had set, does not know what for, and does everything: whatever is
// scheduled must bear being done too often.

/** An alarm this long overdue was lost: the runtime's own retries are counted. */
const LOST_ALARM_MS = 30_000;

export class Schedule<Job extends string> {
  #storage: DurableObjectStorage;
  #every: readonly Job[];
  #due = new Map<Job, number>();
  /** Epoch ms of the alarm that is set, Infinity for none. */
  #alarmAt = Number.POSITIVE_INFINITY;
  #rang = false;

  constructor(storage: DurableObjectStorage, jobs: readonly Job[]) {
    this.#storage = storage;
    this.#every = jobs;
  }

  /** When it is due, epoch ms; undefined when it is not. */
  when(job: Job): number | undefined {
    return this.#due.get(job);
  }

  /** Due at `at`, or sooner when it was to be sooner already. */
  by(job: Job, at: number): Promise<void> {
    return this.at(job, Math.min(at, this.#due.get(job) ?? Number.POSITIVE_INFINITY));
  }

  at(job: Job, at: number): Promise<void> {
    // Alarms ring at whole milliseconds, and must not ring too early.
    this.#due.set(job, Math.ceil(at));
    return this.#arm();
  }

  /** Called by the alarm: what is due now, no longer scheduled. The alarm is set for the rest. */
  async take(now: number): Promise<readonly Job[]> {
    this.#alarmAt = Number.POSITIVE_INFINITY;
    const due = this.#rang
      ? this.#every.filter((job) => (this.#due.get(job) ?? Number.POSITIVE_INFINITY) <= now)
      : this.#every;
    this.#rang = true;
    for (const job of due) this.#due.delete(job);
    await this.#arm();
    return due;
  }

  async #arm(): Promise<void> {
    const first = Math.min(...this.#due.values());
    const rings = this.#alarmAt <= first && this.#alarmAt > Date.now() - LOST_ALARM_MS;
    if (rings || first === Number.POSITIVE_INFINITY) return;
    this.#alarmAt = first;
    await this.#storage.setAlarm(first);
  }
}
