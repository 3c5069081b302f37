import { type CalendarMinute, cronMatches } from '../control/cron.ts';
import type { Schedule } from '../control/tree.ts';

/** When an entry is looked at: in each cycle, in each Nth, or at times of the calendar. */
export class CheckSchedule {
  readonly #schedule: Schedule;
  #cycles = 0;
  #minute = '';

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  /** Asked once in each cycle. Of a minute that a cron line means, the first cycle counts. */
  isDue(calendar: CalendarMinute): boolean {
    switch (this.#schedule.kind) {
      case 'always':
        return true;
      case 'cycles':
        this.#cycles += 1;
        if (this.#cycles < this.#schedule.cycles) return false;
        this.#cycles = 0;
        return true;
      case 'cron': {
        const matches = cronMatches(this.#schedule.line, calendar);
        if (this.#schedule.isExclusion) return !matches;
        const minute = Object.values(calendar).join(' ');
        if (!matches || minute === this.#minute) return false;
        this.#minute = minute;
        return true;
      }
    }
  }
}
