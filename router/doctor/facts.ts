// What the doctor knows of a deployment before it judges: plain values, gathered by gather.ts. Null stands for "not told".
import type { EngineEntry, RouterSettings } from '#core/settings.ts';
import type { ParamsRefusal } from '../dialects/nixl-params.ts';
import type { AttachmentInfo, ServiceInfo } from '../link.ts';

export interface Facts {
  settings: RouterSettings;
  /** Prompts were sent. */
  probed: boolean;
  engines: readonly EngineFacts[];
  services: readonly ServiceFacts[];
  router: RouterFacts | null;
}

export interface EngineFacts {
  entry: EngineEntry;
  /** Status of /health. */
  health: number | null;
  version: string | null;
  /** Null: /v1/models is no list of models. */
  models: readonly ModelCard[] | null;
  cache: CacheFacts | null;
  server: ServerFacts | null;
  events: EventFacts | null;
  probe: ProbeFacts | null;
}

export interface ModelCard {
  id: string;
  /** What it was started from. */
  root: string | null;
  maxModelLen: number | null;
}

/** Labels of the engine's cache_config_info. */
export interface CacheFacts {
  blockTokens: number | null;
  dtype: string | null;
  hashAlgorithm: string | null;
}

/** Of vLLM's /server_info, which only an engine in development mode answers. */
export interface ServerFacts {
  /** The model's dtype. */
  dtype: string | null;
  connector: string | null;
  policy: string | null;
  publishesEvents: boolean;
  /** VLLM_NIXL_SIDE_CHANNEL_HOST. */
  nixlHost: string | null;
}

/** Whether an address takes TCP connections from here. */
export type Reach = 'open' | 'closed' | 'unresolved' | 'untried';

export interface EventFacts {
  endpoint: Reach;
  /** Batches read. */
  batches: number;
  malformed: number;
  /** Null: no replay is configured. */
  replay: 'answers' | 'silent' | null;
  /** First blocks of prompts: the engine's name by what the block holds. */
  firstBlocks: ReadonlyMap<string, string>;
}

export interface ProbeFacts {
  /** Null: no answer in time. */
  status: number | null;
  /** Null: the engine was not asked for any. */
  nixl: ParamsRefusal | { host: string; port: number; reach: Reach } | null;
}

export interface ServiceFacts {
  node: string;
  /** host:port of the control stream. */
  address: string;
  info: ServiceInfo | null;
  /** Why it was not welcomed. */
  refusal: string | null;
  attachments: readonly AttachmentInfo[];
  draining: boolean;
  lane: Reach;
}

export interface RouterFacts {
  /** Models whose rendering is off. */
  renderingOff: ReadonlySet<string>;
  mismatches: ReadonlyMap<string, number>;
}
