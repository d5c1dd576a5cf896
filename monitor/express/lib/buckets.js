'use strict';

// Latency buckets that add up: the same layout in every worker, whatever its language. Slot i counts requests of at most
// 2^(i/32) microseconds that no lower slot counts. ../../middleware/vectors.json pins the layout.

const PER_OCTAVE = 32;
/** The last slot, about 3,613 seconds; everything slower is counted there. */
const LAST = 1016;

/** The slot of a latency in seconds; what is not above one microsecond belongs to slot 0. */
function bucketIndex(seconds) {
  const microseconds = seconds * 1e6;
  if (!(microseconds > 1)) {
    return 0;
  }
  return Math.min(Math.ceil(PER_OCTAVE * Math.log2(microseconds)), LAST);
}

/** Counts of one worker since it started; they only grow. */
class LatencyBuckets {
  constructor() {
    this.counts = new Float64Array(LAST + 1); // doubles count past 2^32
    this.count = 0;
    this.sumSeconds = 0;
  }

  record(seconds) {
    this.counts[bucketIndex(seconds)] += 1;
    this.count += 1;
    this.sumSeconds += seconds;
  }

  toJSON() {
    const buckets = {};
    this.counts.forEach((count, index) => {
      if (count > 0) {
        buckets[index] = count;
      }
    });
    return { buckets, sum_seconds: this.sumSeconds, count: this.count };
  }
}

module.exports = { LatencyBuckets, bucketIndex };
