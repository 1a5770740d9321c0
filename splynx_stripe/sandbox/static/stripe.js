/*
 * A small stand-in for Stripe.js: the Payment Element, confirmation and 3-D Secure, for test cards
 * of the sandbox only. It styles itself through the CSSOM, so it works under `style-src 'self'`.
 */
(function () {
  'use strict';

  const BASE = new URL(document.currentScript.src).origin;
  const VERSION = '2026-10-28.endive';
  const FONT = 'system-ui, sans-serif';
  const CSS = `
    .sbx { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; font: var(--sbx-size, 16px)/1.4 ${FONT}; color: var(--sbx-text, #30313d); }
    .sbx label { display: block; font-size: .875em; margin-bottom: 4px; }
    .sbx .sbx-wide { grid-column: 1 / -1; }
    .sbx input, .sbx select { box-sizing: border-box; width: 100%; min-height: 46px; padding: 10px 12px; font: inherit; color: inherit;
      background: var(--sbx-ground, #fff); border: 1px solid #8d93a1; border-radius: var(--sbx-radius, 6px); }
    .sbx input::placeholder { color: inherit; opacity: .65; }
    .sbx input:focus { outline: 3px solid var(--sbx-primary, #0570de); outline-offset: 1px; }
    .sbx input[aria-invalid=true] { border-color: var(--sbx-danger, #b3093c); }
    .sbx .sbx-error { color: var(--sbx-danger, #b3093c); font-size: 14px; margin: 4px 0 0; }
    .sbx .sbx-note { font-size: 13px; opacity: .8; margin: 0; }
    .sbx-veil { position: fixed; inset: 0; z-index: 2147483000; display: grid; place-items: center; padding: 16px;
      background: rgba(20, 22, 30, .6); }
    .sbx-panel { box-sizing: border-box; width: 100%; max-width: 400px; padding: 24px; background: #fff; color: #30313d;
      border-radius: 12px; font: 16px/1.5 ${FONT}; }
    .sbx-panel h2 { margin: 0 0 8px; font-size: 20px; }
    .sbx-panel button { width: 100%; min-height: 46px; margin-top: 12px; font: inherit; font-weight: 600; color: #fff;
      background: #0b5fbd; border: 0; border-radius: 6px; cursor: pointer; }
    .sbx-panel button + button { color: #30313d; background: #e3e6ec; }`;
  const LOOKS = {
    colorPrimary: '--sbx-primary',
    colorText: '--sbx-text',
    colorBackground: '--sbx-ground',
    colorDanger: '--sbx-danger',
    borderRadius: '--sbx-radius',
    fontSizeBase: '--sbx-size',
  };
  const MESSAGES = {
    incomplete_number: 'Your card number is incomplete.',
    invalid_number: 'Your card number is invalid.',
    incomplete_expiry: "Your card's expiration date is incomplete.",
    invalid_expiry_month_past: "Your card's expiration date is in the past.",
    invalid_expiry_month: "Your card's expiration month is invalid.",
    incomplete_cvc: "Your card's security code is incomplete.",
    incomplete_field: 'Please fill in this field.',
  };
  // Which fields a kind of payment method has: name, label, autocomplete, placeholder, width, length.
  const FIELDS = {
    card: [
      ['cardnumber', 'Card number', 'cc-number', '1234 1234 1234 1234', 'sbx-wide', 23],
      ['exp-date', 'Expiration date', 'cc-exp', 'MM / YY', '', 7],
      ['cvc', 'Security code', 'cc-csc', 'CVC', '', 4],
    ],
    us_bank_account: [
      ['holder', 'Full name', 'name', 'Jane Doe', 'sbx-wide', 80],
      ['routing_number', 'Routing number', 'off', '110000000', '', 9],
      ['account_number', 'Account number', 'off', '000123456789', '', 17],
    ],
    au_becs_debit: [
      ['holder', 'Full name', 'name', 'Jane Doe', 'sbx-wide', 80],
      ['bsb_number', 'BSB', 'off', '000000', '', 6],
      ['account_number', 'Account number', 'off', '000123456789', '', 12],
    ],
    acss_debit: [
      ['holder', 'Full name', 'name', 'Jane Doe', 'sbx-wide', 80],
      ['institution_number', 'Institution number', 'off', '000', '', 3],
      ['transit_number', 'Transit number', 'off', '11000', '', 5],
      ['account_number', 'Account number', 'off', '000123456789', 'sbx-wide', 17],
    ],
  };
  const TITLES = { card: 'Card', us_bank_account: 'US bank account', au_becs_debit: 'BECS Direct Debit', acss_debit: 'Pre-authorized debit' };
  const OFFLINE = 'We are experiencing issues connecting to our payments provider. '
    + 'Please check your internet connection and try again.';
  let styled = false;
  let serial = 0;

  class IntegrationError extends Error {
    get name() { return 'IntegrationError'; }
  }

  function style() {
    if (styled) return;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    styled = true;
  }

  function make(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  function encode(params, prefix, into) {
    for (const [name, value] of Object.entries(params)) {
      if (value === undefined || value === null) continue;
      const key = prefix ? `${prefix}[${name}]` : name;
      if (typeof value === 'object') encode(value, key, into);
      else into.append(key, String(value));
    }
    return into;
  }

  async function api(pk, method, path, params) {
    const form = encode(params, '', new URLSearchParams());
    const [query, sent] = method === 'GET' ? [`?${form}`] : ['', form];
    const headers = { Authorization: `Bearer ${pk}`, 'Stripe-Version': VERSION };
    try {
      const answer = await fetch(`${BASE}/v1/${path}${query}`, { method, headers, body: sent });
      const body = await answer.json();
      return body.error ? { error: body.error } : { value: body };
    } catch {
      return { error: { type: 'api_connection_error', message: OFFLINE } };
    }
  }

  function luhn(digits) {
    let sum = 0;
    [...digits].reverse().forEach((digit, place) => {
      const value = Number(digit) * (place % 2 ? 2 : 1);
      sum += value > 9 ? value - 9 : value;
    });
    return sum % 10 === 0;
  }

  class PaymentElement {
    constructor(elements, options) {
      Object.assign(this, { _elements: elements, _options: options || {}, _listeners: {}, _fields: {} });
    }

    mount(target) {
      const place = typeof target === 'string' ? document.querySelector(target) : target;
      if (!place) {
        throw new IntegrationError(`The selector you specified (${target}) applies to no DOM elements.`);
      }
      style();
      this._root = make('div', { class: 'sbx', 'data-testid': 'payment-element' });
      this._look((this._elements._options.appearance || {}).variables || {});
      const kinds = this._kinds();
      this._kind = kinds[0];
      if (kinds.length > 1) this._choose(kinds);
      this._fill();
      place.replaceChildren(this._root);
      this._elements._load().then((error) => {
        this._emit(error ? 'loaderror' : 'ready', { elementType: 'payment', ...(error && { error }) });
      });
    }

    _kinds() {
      const { allowedPaymentMethodTypes, paymentMethodTypes } = this._elements._options;
      const wanted = (allowedPaymentMethodTypes || paymentMethodTypes || ['card']).filter((kind) => FIELDS[kind]);
      return wanted.length ? wanted : ['card'];
    }

    _choose(kinds) {
      const id = `sbx-kind-${(serial += 1)}`;
      const select = make('select', { id, 'data-testid': 'payment-kind' });
      for (const kind of kinds) select.append(make('option', { value: kind }, TITLES[kind]));
      select.addEventListener('change', () => {
        this._kind = select.value;
        this._fill();
        this._changed();
      });
      this._root.append(make('div', { class: 'sbx-wide' }, make('label', { for: id }, 'Payment method'), select));
    }

    _fill() {
      for (const { input } of Object.values(this._fields)) input.parentElement.remove();
      if (this._note) this._note.remove();
      this._fields = {};
      for (const field of FIELDS[this._kind]) this._add(...field);
      const what = this._kind === 'card' ? 'test cards' : 'test bank accounts';
      this._note = make('p', { class: 'sbx-note sbx-wide' }, `Sandbox: ${what} only`);
      this._root.append(this._note);
    }

    _look(variables) {
      for (const [name, variable] of Object.entries(LOOKS)) {
        if (variables[name]) this._root.style.setProperty(variable, variables[name]);
      }
      if (variables.fontFamily) this._root.style.fontFamily = variables.fontFamily;
    }

    _add(name, label, autocomplete, placeholder, wide, maxlength) {
      const id = `sbx-${name}-${(serial += 1)}`;
      const input = make('input', {
        id, name, autocomplete, placeholder, maxlength, type: 'text', inputmode: name === 'holder' ? 'text' : 'numeric',
        'data-testid': name, 'aria-describedby': `${id}-error`,
      });
      const error = make('p', { id: `${id}-error`, class: 'sbx-error', role: 'status' });
      this._root.append(make('div', { class: wide }, make('label', { for: id }, label), input, error));
      this._fields[name] = { input, error };
      input.addEventListener('input', () => this._typed(name));
      // Not when a button takes the focus: a line that appears then moves the button from under the finger.
      input.addEventListener('blur', ({ relatedTarget }) => {
        if (input.value && this._root.contains(relatedTarget)) this._show(name, this._problem(name));
      });
    }

    _digits(name) { return this._fields[name].input.value.replace(/\D/g, ''); }

    _typed(name) {
      const { input } = this._fields[name];
      const digits = this._digits(name);
      if (name === 'holder') input.value = input.value.slice(0, 80);
      else if (this._kind !== 'card') input.value = digits;
      else if (name === 'cardnumber') input.value = (digits.slice(0, 19).match(/.{1,4}/g) || []).join(' ');
      else if (name === 'cvc') input.value = digits.slice(0, 4);
      else input.value = digits.length > 2 ? `${digits.slice(0, 2)} / ${digits.slice(2, 4)}` : digits;
      this._show(name, '');
      this._changed();
    }

    _changed() {
      const names = Object.keys(this._fields);
      const complete = names.every((one) => !this._problem(one));
      const empty = names.every((one) => !this._fields[one].input.value);
      this._emit('change', { elementType: 'payment', collapsed: false, complete, empty, value: { type: this._kind } });
    }

    _problem(name) {
      const digits = this._digits(name);
      if (this._kind !== 'card') return this._fields[name].input.value.trim() ? '' : 'incomplete_field';
      if (name === 'cardnumber') {
        if (digits.length < 14) return 'incomplete_number';
        return luhn(digits) ? '' : digits.length < 16 ? 'incomplete_number' : 'invalid_number';
      }
      if (name === 'cvc') return digits.length < 3 ? 'incomplete_cvc' : '';
      if (digits.length < 4) return 'incomplete_expiry';
      const month = Number(digits.slice(0, 2));
      if (month < 1 || month > 12) return 'invalid_expiry_month';
      const end = new Date(2000 + Number(digits.slice(2, 4)), month, 1);
      return end <= new Date() ? 'invalid_expiry_month_past' : '';
    }

    _show(name, code) {
      const { input, error } = this._fields[name];
      error.textContent = code ? MESSAGES[code] : '';
      input.setAttribute('aria-invalid', code ? 'true' : 'false');
    }

    _validate() {
      let first = null;
      for (const name of Object.keys(this._fields)) {
        const code = this._problem(name);
        this._show(name, code);
        if (code && !first) first = { name, code };
      }
      if (!first) return null;
      this._fields[first.name].input.focus();
      return { type: 'validation_error', code: first.code, message: MESSAGES[first.code] };
    }

    _method() {
      if (this._kind === 'card') return { type: 'card', card: this._card() };
      const typed = (name) => this._fields[name].input.value.trim();
      const bank = {};
      for (const name of Object.keys(this._fields)) if (name !== 'holder') bank[name] = typed(name);
      if (this._kind === 'us_bank_account') bank.account_holder_type = 'individual';
      return { type: this._kind, [this._kind]: bank, billing_details: { name: typed('holder') } };
    }

    _card() {
      const date = this._digits('exp-date');
      const [exp_month, exp_year] = [Number(date.slice(0, 2)), 2000 + Number(date.slice(2, 4))];
      return { number: this._digits('cardnumber'), exp_month, exp_year, cvc: this._digits('cvc') };
    }

    on(event, listener) {
      (this._listeners[event] ||= []).push(listener);
      return this;
    }

    _emit(event, detail) {
      for (const listener of this._listeners[event] || []) listener(detail);
    }

    update(options) { Object.assign(this._options, options); }
    focus() { Object.values(this._fields)[0].input.focus(); }
    clear() { for (const { input } of Object.values(this._fields)) input.value = ''; }
    unmount() { if (this._root) this._root.remove(); }
    destroy() { this.unmount(); this._elements._element = null; }
  }

  class Elements {
    constructor(pk, options) {
      Object.assign(this, { _pk: pk, _options: { ...options }, _element: null, _submitted: false });
    }

    create(type, options) {
      if (type !== 'payment') throw new IntegrationError(`The sandbox knows no element '${type}'.`);
      if (this._element) throw new IntegrationError("Can only create one Element of type payment.");
      this._element = new PaymentElement(this, options);
      return this._element;
    }

    getElement(type) { return type === 'payment' ? this._element : null; }
    update(options) { Object.assign(this._options, options); }

    async submit() {
      const error = this._element ? this._element._validate() : null;
      if (error) return { error };
      this._submitted = true;
      return { selectedPaymentMethod: this._element ? this._element._kind : 'card' };
    }

    async fetchUpdates() {
      const error = await this._load();
      return error ? { error } : {};
    }

    async _load() {
      if (!this._options.clientSecret) return null;
      const { error } = await intentOf(this._pk, this._options.clientSecret).retrieve();
      return error || null;
    }
  }

  function intentOf(pk, clientSecret) {
    const id = String(clientSecret).split('_secret_')[0];
    const setup = id.startsWith('seti_');
    const path = `${setup ? 'setup_intents' : 'payment_intents'}/${id}`;
    const call = (method, end, params) => api(pk, method, path + end, { ...params, client_secret: clientSecret });
    return {
      kind: setup ? 'setup_intent' : 'payment_intent',
      name: setup ? 'setupIntent' : 'paymentIntent',
      failure: (intent) => intent[setup ? 'last_setup_error' : 'last_payment_error'],
      retrieve: () => call('GET', '', {}),
      confirm: (params) => call('POST', '/confirm', params),
      authenticate: (outcome) => call('POST', '/_authenticate', { outcome }),
    };
  }

  function askBank() {
    style();
    return new Promise((resolve) => {
      const before = document.activeElement;
      const button = (text, outcome) => {
        const node = make('button', { type: 'button', 'data-testid': `3ds-${outcome}` }, text);
        node.addEventListener('click', () => {
          veil.remove();
          if (before && before.focus) before.focus();
          resolve(outcome);
        });
        return node;
      };
      const yes = button('Complete authentication', 'success');
      const role = { class: 'sbx-panel', role: 'dialog', 'aria-modal': 'true', 'aria-label': '3-D Secure' };
      const panel = make('div', { ...role, 'data-testid': '3ds-panel' });
      const question = make('p', {}, "The sandbox's bank asks: is it you who is paying?");
      panel.append(make('h2', {}, '3-D Secure'), question, yes, button('Fail authentication', 'fail'));
      const veil = make('div', { class: 'sbx-veil' }, panel);
      document.body.append(veil);
      yes.focus();
    });
  }

  async function nextAction(intent, value) {
    const waits = value.status !== 'requires_action' || (value.next_action || {}).type === 'verify_with_microdeposits';
    if (waits) return { value };
    const { error, value: after } = await intent.authenticate(await askBank());
    if (error) return { error };
    if (after.status !== 'requires_payment_method') return { value: after };
    return { error: { ...intent.failure(after), [intent.kind]: after } };
  }

  async function confirm(pk, given) {
    const { elements, confirmParams = {}, redirect = 'always' } = given;
    const { return_url, payment_method, payment_method_data } = confirmParams;
    const clientSecret = given.clientSecret || (elements && elements._options.clientSecret);
    if (!clientSecret) throw new IntegrationError('You must pass a clientSecret.');
    if (redirect !== 'if_required' && !return_url) {
      throw new IntegrationError("You must provide a confirmParams.return_url, or redirect: 'if_required'.");
    }
    const params = { return_url, payment_method, use_stripe_sdk: true };
    if (elements) {
      const early = !elements._options.clientSecret && !elements._submitted;
      if (early) throw new IntegrationError('elements.submit() must be called before the payment is confirmed.');
      const invalid = elements._element._validate();
      if (invalid) return { error: invalid };
      const { billing_details } = payment_method_data || {};
      const method = elements._element._method();
      method.billing_details = { ...billing_details, ...method.billing_details };
      const made = await api(pk, 'POST', 'payment_methods', method);
      if (made.error) return { error: made.error };
      params.payment_method = made.value.id;
    }
    const intent = intentOf(pk, clientSecret);
    const confirmed = await intent.confirm(params);
    const done = confirmed.error ? confirmed : await nextAction(intent, confirmed.value);
    if (done.error) return { error: done.error };
    if (redirect === 'if_required') return { [intent.name]: done.value };
    leave(intent, done.value, clientSecret, return_url);
    return new Promise(() => {});
  }

  function leave(intent, value, clientSecret, returnUrl) {
    const url = new URL(returnUrl);
    url.searchParams.set(intent.kind, value.id);
    url.searchParams.set(`${intent.kind}_client_secret`, clientSecret);
    url.searchParams.set('redirect_status', value.status === 'processing' ? 'pending' : 'succeeded');
    window.location.assign(url);
  }

  function Stripe(pk) {
    if (!String(pk).startsWith('pk_')) throw new IntegrationError('Stripe() wants a key that starts with pk_.');
    const told = (intent, { error, value }) => (error ? { error } : { [intent.name]: value });
    const retrieve = async (clientSecret) => {
      const intent = intentOf(pk, clientSecret);
      return told(intent, await intent.retrieve());
    };
    return {
      elements: (options) => new Elements(pk, options),
      confirmPayment: (given) => confirm(pk, given),
      confirmSetup: (given) => confirm(pk, given),
      retrievePaymentIntent: retrieve,
      retrieveSetupIntent: retrieve,
      async handleNextAction({ clientSecret }) {
        const intent = intentOf(pk, clientSecret);
        const now = await intent.retrieve();
        return told(intent, now.error ? now : await nextAction(intent, now.value));
      },
    };
  }

  Stripe.version = 'sandbox';
  window.Stripe = Stripe;
})();
