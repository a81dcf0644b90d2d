// Bounds that decide something in the model, as in native/src/base/limits.h.
export const BOUNDS = {
  chunksPerTicket: 16384,
  tickets: 16384,
  endedTicketsKept: 4096,
  sessions: 64,
  claimsPerSession: 4096,
  watched: 4096,
  runBytes: 1 << 20,
  stripesPerRun: (1 << 16) / 16 / 2,
  resendsPerRun: 3,
  reconnectsPerLane: 5,
  lanes: 256,
  runsInFlight: 1024,
  events: 65536,
  evictionCandidates: 64,
  quiescingCheckMs: 250,
  firstPauseMs: 50, // before a lane is dialled again; doubled with every attempt
} as const;
