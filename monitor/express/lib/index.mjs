// For `import`: the same objects that `require` gives, so that a process has one set of counters.
import outgrow from './index.js';

export const {
  instrumentDataSource,
  scalabilityEndpoints,
  scalabilityMonitoringMiddleware,
  scalabilityQueryLogger,
} = outgrow;
export default outgrow;
