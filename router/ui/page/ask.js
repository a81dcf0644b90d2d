// The question box: sends a chat request through the router and shows its answer as it comes. Story, question and answer stay here.
import { ApiError, request } from './api.js';
import { $, h, setText } from './dom.js';
import { EXAMPLE } from './example.js';
import { ms } from './format.js';
import { eventsOf } from './sse.js';

const API_KEY = 'baton-api-key';
let running = null;

/** `begun` is told the request's id as soon as its answer begins. */
export function prepareAsk(begun) {
  $('api-key').value = sessionStorage.getItem(API_KEY) ?? '';
  $('ask').addEventListener('submit', (event) => {
    event.preventDefault();
    void ask(begun);
  });
  $('stop').addEventListener('click', () => running?.abort());
  $('example').addEventListener('click', () => {
    $('story').value = EXAMPLE.story;
    $('story').scrollTop = 0;
    $('question').value = EXAMPLE.turns[examples++ % EXAMPLE.turns.length]?.question ?? '';
    $('question').focus();
  });
}
let examples = 0;

/** Models to choose from, and whether an API key is needed. */
export function offer(models, needsKey) {
  const select = $('model');
  if ([...select.options].map(({ value }) => value).join('\n') !== models.join('\n'))
    select.replaceChildren(...models.map((model) => h('option', { value: model }, model)));
  $('api-key-field').hidden = !needsKey;
}

/** The story first, so that a second question about it finds its chunks. */
function messagesOf(story, question) {
  const asked = { role: 'user', content: question };
  return story === '' ? [asked] : [{ role: 'system', content: story }, asked];
}

async function ask(begun) {
  if (running !== null) return;
  const question = $('question').value.trim();
  if (question === '') {
    $('question').focus();
    setText($('answer-facts'), 'Type a question first.');
    return;
  }
  running = new AbortController();
  const started = performance.now();
  setBusy(true);
  setText($('answer'), '');
  setText($('answer-facts'), 'Asked …');
  try {
    const response = await post(question, running.signal);
    const id = response.headers.get('x-request-id') ?? '';
    begun(id);
    await show(response.body, id, performance.now() - started);
  } catch (error) {
    setText($('answer-facts'), running.signal.aborted ? 'Stopped.' : failure(error));
  } finally {
    running = null;
    setBusy(false);
  }
}

function setBusy(busy) {
  $('send').disabled = busy;
  $('stop').disabled = !busy;
  // Read out whole, once it is complete.
  $('answer').setAttribute('aria-busy', String(busy));
}

function post(question, signal) {
  const key = $('api-key').value.trim();
  sessionStorage.setItem(API_KEY, key);
  const placement = $('placement').value;
  return request('/ui/ask', {
    method: 'POST',
    signal,
    headers: {
      'content-type': 'application/json',
      ...(placement === '' ? {} : { 'x-baton-placement': placement }),
      ...(key === '' ? {} : { 'x-baton-api-key': key }),
    },
    body: JSON.stringify({
      model: $('model').value,
      messages: messagesOf($('story').value.trim(), question),
      max_tokens: Number($('tokens').value) || 48,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    }),
  });
}

async function show(body, id, firstMs) {
  let usage = null;
  let done = false;
  for await (const data of eventsOf(body)) {
    if (data === '[DONE]') {
      done = true;
      break;
    }
    const event = JSON.parse(data);
    if (event.error !== undefined) throw new ApiError(0, event.error.code, event.error.message);
    usage = event.usage ?? usage;
    $('answer').append(event.choices?.[0]?.delta?.content ?? '');
  }
  if (!done) throw new ApiError(0, 'decode_interrupted', 'The answer ended early.');
  const counted =
    usage === null ? '' : ` · ${usage.prompt_tokens} tokens asked, ${usage.completion_tokens} answered`;
  setText($('answer-facts'), `Request ${id} · first token after ${ms(firstMs)}${counted}`);
}

function failure(error) {
  if (error instanceof ApiError) return `${error.code === '' ? 'Failed' : error.code}: ${error.message}`;
  return 'The router could not be reached.';
}
