'use strict';

// How late the event loop runs and how busy it is, between two snapshots.

const { monitorEventLoopDelay, performance } = require('node:perf_hooks');

/** The histogram measures the time from one tick of a timer to the next: the timer's period is not delay. */
const RESOLUTION_MS = 20;

class EventLoopProbe {
  constructor() {
    this.delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.delay.enable();
    this.utilization = performance.eventLoopUtilization();
  }

  /** What happened since the last call; null before the first tick of the timer. */
  take() {
    const p99 = this.delay.percentile(99) / 1e6 - RESOLUTION_MS;
    const ticked = this.delay.max > 0;
    this.delay.reset();
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.utilization);
    this.utilization = now;
    if (!ticked || !Number.isFinite(utilization)) {
      return null;
    }
    return { delay_p99_ms: Math.max(0, p99), utilization: Math.min(1, Math.max(0, utilization)) };
  }

  stop() {
    this.delay.disable();
  }
}

module.exports = { EventLoopProbe };
