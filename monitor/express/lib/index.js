'use strict';

const { scalabilityEndpoints } = require('./endpoints');
const { scalabilityMonitoringMiddleware } = require('./middleware');
const { instrumentDataSource, scalabilityQueryLogger } = require('./queries');

module.exports = { instrumentDataSource, scalabilityEndpoints, scalabilityMonitoringMiddleware, scalabilityQueryLogger };
