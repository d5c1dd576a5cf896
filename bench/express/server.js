'use strict';

// One application with one monitor, for bench/monitor.py. argv: the monitor, the folder of its packages, the sidecar's URL.
// Prints its port; GET /bench/cpu answers the processor time (microseconds) that the process has used so far.

const http = require('node:http');
const path = require('node:path');
const { createRequire } = require('node:module');

const [, , monitor, folder, sidecarUrl] = process.argv;
const installed = createRequire(path.join(folder, 'package.json'));
const express = installed('express');
const app = express();

if (monitor === 'outgrow') {
  const { scalabilityMonitoringMiddleware } = require('../../monitor/express');
  app.use(scalabilityMonitoringMiddleware({ sidecarUrl, intervalMs: 1000 }));
} else if (monitor === 'express-prom-bundle') {
  const promBundle = installed('express-prom-bundle');
  app.use(promBundle({ includeMethod: true, includePath: true, metricsPath: '/metrics' }));
} else if (monitor === 'swagger-stats') {
  const swStats = installed('swagger-stats');
  app.use(swStats.getMiddleware({ uriPath: '/swagger-stats' }));
}

app.get('/items/:id', (req, res) => res.json({ id: req.params.id }));
app.get('/wait/:ms', (req, res) => void setTimeout(() => res.send('x'), Number(req.params.ms)));
app.get('/broken', (_req, res) => res.status(500).send('x'));
app.get('/stream', (_req, res) => {
  res.write('a');
  setTimeout(() => res.end('b'), 450);
});

const server = http.createServer((req, res) => {
  if (req.url === '/bench/cpu') {
    const { user, system } = process.cpuUsage();
    res.end(JSON.stringify({ microseconds: user + system, rss: process.memoryUsage.rss() }));
  } else {
    app(req, res);
  }
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.on('SIGTERM', () => process.exit(0));
