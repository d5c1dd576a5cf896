'use strict';

/** On a request for the monitor's own figures, put there by the endpoints: it is not the application's work. */
const OWN = Symbol("Outgrow's own");

module.exports = { OWN };
