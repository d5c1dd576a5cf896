'use strict';

// Where routers are mounted, as the application wrote it. Express keeps that nowhere: a request only shows the mounted path with
// the client's values in it (req.baseUrl). But a route is one object, and the layers of the routers above it can be found and
// asked which part of a path is theirs. Express 4 and 5 name these things alike: stack, layer.route, layer.match().

/** Nothing deeper or larger is looked at; such routes keep what `mountPoint` in ./routes.js makes of their base. */
const MAX_DEPTH = 20;
const MAX_LAYERS = 20_000;
const MAX_CHAINS = 50;
const MAX_OUTERMOST = 8;
/** An application that makes routes while it runs is not looked through for each of them. */
const LOOK_AGAIN_MS = 1000;
/** A mount whose literal part takes more forms than this is a pattern (a regular expression). */
const MAX_FORMS = 30;
/** Put in place of a segment to learn whether it is a parameter; some parameters take digits only. */
const PROBES = ['zqxzqx', '9007199', 'a1b2c3d4-0000-4000-8000-000000000000'];

function routerOf(app) {
  try {
    return app._router ?? app.router; // Express 4 throws at `app.router`
  } catch {
    return undefined;
  }
}

/** All routes below a stack and the places where applications are mounted, each with the layers that lead there. */
function survey(stack, chain, found, depth = 0) {
  for (const layer of stack) {
    found.layers += 1;
    if (depth > MAX_DEPTH || found.layers > MAX_LAYERS) {
      return;
    }
    const { handle } = layer;
    if (layer.route) {
      const chains = found.routes.get(layer.route) ?? [];
      chains.push({ mounts: chain, last: layer });
      found.routes.set(layer.route, chains);
    } else if (Array.isArray(handle?.stack)) {
      survey(handle.stack, [...chain, layer], found, depth + 1);
    } else if (typeof handle === 'function' && handle.name === 'mounted_app') {
      found.applications.push([...chain, layer]);
    } else if (typeof handle?.handle === 'function') {
      survey(routerOf(handle)?.stack ?? [], [...chain, layer], found, depth + 1); // an application in a router
    }
  }
}

const surveys = new WeakMap();

function surveyOf(app, route) {
  const before = surveys.get(app);
  const now = performance.now();
  if (before !== undefined && (route === null || before.routes.has(route) || now - before.at < LOOK_AGAIN_MS)) {
    return before;
  }
  const found = { at: now, layers: 0, routes: new Map(), applications: [] };
  survey(routerOf(app)?.stack ?? [], [], found);
  surveys.set(app, found);
  return found;
}

/** The layers that may lead to this application from the outermost one. */
function waysTo(app, depth = 0) {
  if (!app.parent || depth > MAX_DEPTH) {
    return [[]];
  }
  const above = waysTo(app.parent, depth + 1);
  const here = surveyOf(app.parent, null).applications;
  return above.flatMap((way) => here.map((chain) => [...way, ...chain])).slice(0, MAX_CHAINS);
}

/** What a layer takes of a path, as Express 4 leaves it on the layer and later routers return it; null if it does not match. */
function matchOf(layer, path) {
  try {
    const match = layer.match(path);
    return match === true ? layer : match || null;
  } catch {
    return null; // a parameter that cannot be decoded
  }
}

/** The piece that a layer takes of a path and the names of its parameters; null if it does not match. */
function take(layer, path) {
  const match = matchOf(layer, path);
  return match && { piece: String(match.path ?? '').replace(/\/$/, ''), names: Object.keys(match.params ?? {}) };
}

/** Write the names of parameters where a piece has their values: where a changed segment changes the parameter. */
function withNames(layer, piece, names) {
  const segments = piece.split('/');
  return segments
    .map((segment, place) => {
      if (segment === '') {
        return segment;
      }
      for (const probe of PROBES) {
        const match = matchOf(layer, segments.map((own, i) => (i === place ? probe : own)).join('/'));
        const name = match && names.find((key) => String(match.params[key]).includes(probe));
        if (name) {
          return `:${name}`;
        }
      }
      return segment;
    })
    .join('/');
}

class Mounts {
  constructor() {
    this.forms = new WeakMap(); // of each last layer, the templates by form
    this.outermost = new Set();
  }

  /** An application that requests come to first; one inside a router does not know of it. */
  begin(app) {
    if (typeof app === 'function' && this.outermost.size < MAX_OUTERMOST) {
      this.outermost.add(app);
    }
  }

  /**
   * The mounted part of a route's template.
   *
   * @returns {{ template: string, base: string } | null} with the path it stands for; null where the layers cannot be found or
   *   the URL was rewritten on the way.
   */
  find(app, route, originalUrl) {
    if (typeof app !== 'function' || typeof originalUrl !== 'string') {
      return null;
    }
    const query = originalUrl.indexOf('?');
    const path = query === -1 ? originalUrl : originalUrl.slice(0, query);
    for (const candidate of new Set([app, ...this.outermost])) {
      const found = this.#findIn(candidate, route, path);
      if (found !== null) {
        return found;
      }
    }
    return null;
  }

  #findIn(app, route, path) {
    const chains = surveyOf(app, route).routes.get(route) ?? [];
    for (const way of waysTo(app)) {
      for (const { mounts, last } of chains) {
        const found = this.#follow([...way, ...mounts], last, path);
        if (found !== null) {
          return found;
        }
      }
    }
    return null;
  }

  #follow(layers, last, path) {
    const taken = [];
    let rest = path;
    let base = '';
    let form = '';
    for (const layer of layers) {
      const part = take(layer, rest);
      if (part === null) {
        return null;
      }
      taken.push(part);
      base += part.piece;
      form += part.names.length > 0 ? `:${part.piece.split('/').length}` : `=${part.piece.toLowerCase()}`;
      rest = rest.slice(part.piece.length);
      rest = rest.startsWith('/') ? rest : `/${rest}`;
    }
    return matchOf(last, rest) ? { base, template: this.#template(layers, last, taken, form) } : null;
  }

  #template(layers, last, taken, form) {
    const forms = this.forms.get(last) ?? new Map();
    this.forms.set(last, forms);
    let template = forms.get(form);
    if (template === undefined) {
      const many = forms.size >= MAX_FORMS;
      template = taken
        .map(({ piece, names }, i) => {
          if (names.length > 0) {
            return withNames(layers[i], piece, names);
          }
          return many && piece !== '' ? '/*' : piece;
        })
        .join('');
      if (!many) {
        forms.set(form, template);
      }
    }
    return template;
  }
}

module.exports = { MAX_FORMS, Mounts };
