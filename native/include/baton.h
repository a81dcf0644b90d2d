/* Baton's C ABI: what an engine's connector needs of its node's arena.
 *
 * One client per engine process and rank. The scheduler half looks up, accepts tickets, begins fills and claims;
 * the worker half gathers and scatters. Every call may be made from any thread. No call starts a thread or
 * forks; all descriptors are close-on-exec. Calls marked RPC make one round trip to the service of this node,
 * bounded by `timeout_ms`; the others never do I/O and never wait.
 *
 * All functions return BATON_OK (0) or one of the codes below. No function writes to stdout or stderr.
 * Formats on the wire and in shared memory: docs/wire.md. Codes: docs/errors.md.
 */
#ifndef BATON_H
#define BATON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BATON_ABI_VERSION 1u
#define BATON_KEY_BYTES 32
#define BATON_TICKET_BYTES 16
#define BATON_DIGEST_BYTES 16
#define BATON_PLANES_MAX 4
#define BATON_NAME_MAX 63

#if defined(__GNUC__)
#define BATON_API __attribute__((visibility("default")))
#else
#define BATON_API
#endif

/* Codes. Values never change; new ones are appended. */
enum {
  BATON_OK = 0,
  BATON_HELD = 1,            /* the arena already holds this chunk, or the target needs no copy: do not gather */
  BATON_LANDING = 2,         /* a ticket's chunks are still on their way: ask again */
  BATON_ERR_ARGUMENT = -1,   /* a pointer, size or count is wrong */
  BATON_ERR_CLOSED = -2,     /* no session: the service is gone; go on without Baton, attach again later */
  BATON_ERR_TIMEOUT = -3,    /* the service did not answer within timeout_ms */
  BATON_ERR_VERSION = -4,    /* ABI version of library and service differ */
  BATON_ERR_GEOMETRY = -5,   /* this namespace is attached with another geometry, or the geometry is refused */
  BATON_ERR_FULL = -6,       /* no slot: the ticket has failed with source_full; never wait, never retry */
  BATON_ERR_UNKNOWN = -7,    /* no such ticket, chunk or slot at this service */
  BATON_ERR_FOREIGN = -8,    /* the ticket names another engine */
  BATON_ERR_ENDED = -9,      /* the ticket has ended (aborted, expired, failed, settled) or the slot is stale */
  BATON_ERR_MISMATCH = -10,  /* keys or token counts differ from the ticket's: the ticket has failed */
  BATON_ERR_DIGEST = -11,    /* bytes read from the arena are not those that were written: recompute */
  BATON_ERR_PROTOCOL = -12,  /* the service answered what this library does not understand */
  BATON_ERR_NAME_TAKEN = -13 /* another live engine is attached under this name */
};

/* What one attention layer caches per token and KV head: `planes` tensors of `plane_bytes` each (K and V, or
 * MLA's one latent). A stripe of n tokens is [plane][token][plane_bytes]. Every layer of a namespace is alike. */
typedef struct {
  uint32_t layers;
  uint32_t heads;
  uint32_t planes;
  uint32_t plane_bytes[BATON_PLANES_MAX];
  uint32_t chunk_tokens;
} baton_geometry;

typedef struct {
  uint32_t struct_size;      /* sizeof(baton_attach_options) */
  uint32_t abi;              /* BATON_ABI_VERSION */
  const char* socket_path;   /* the service's unix socket */
  const char* engine_name;   /* as the router names this engine; 1..BATON_NAME_MAX of [A-Za-z0-9._-] */
  uint8_t namespace_digest[BATON_KEY_BYTES]; /* SHA-256 of the namespace encoding */
  baton_geometry geometry;
  uint32_t timeout_ms;       /* bound of one RPC; 0 means 1000 */
} baton_attach_options;

typedef struct baton_client baton_client;

/* A place in the arena, valid until its fill is finished or its claim released. Opaque to the engine but for
 * `tokens`; passed back unchanged. */
typedef struct {
  uint32_t slot;
  uint32_t generation;
  uint64_t offset;           /* of the slot in the arena file, bytes */
  uint64_t fill;             /* fill id (0 for a claimed slot) */
  uint32_t tokens;           /* tokens of this chunk */
  uint32_t chunk;            /* position of the chunk in the prompt */
  uint8_t key[BATON_KEY_BYTES];
  uint8_t ticket[BATON_TICKET_BYTES]; /* zero: no ticket */
} baton_slot;

/* One plane of one layer in the engine's own pages. Address of element e of token t of head h in page p:
 * base + p*page_stride + h*head_stride + t*token_stride + e*element_stride (bytes, t counted inside the page).
 * elements * element_bytes must equal the geometry's plane_bytes. */
typedef struct {
  void* base;
  int64_t page_stride, head_stride, token_stride, element_stride;
  uint32_t element_bytes, elements;
} baton_plane_layout;

typedef struct {
  uint32_t struct_size;      /* sizeof(baton_layer_layout) */
  uint32_t page_tokens;
  baton_plane_layout plane[BATON_PLANES_MAX];
} baton_layer_layout;

/* Library version as "major.minor.patch"; never NULL. */
BATON_API const char* baton_version(void);
BATON_API uint32_t baton_abi_version(void);

/* RPC. Connects, checks version and geometry, maps the arena. On failure *out is NULL and `error` (if given)
 * holds a sentence that says what to do. */
BATON_API int baton_attach(const baton_attach_options* options, baton_client** out, char* error, size_t error_size);
/* Ends the session and unmaps. Fills not finished are aborted by the service. NULL is allowed. No other call may be
 * under way. To be called for a session that broke, too: what it was given stays its own until then. */
BATON_API void baton_detach(baton_client*);
/* BATON_OK while the session lives, else BATON_ERR_CLOSED. */
BATON_API int baton_alive(baton_client*);
/* Incarnation of the service this client is attached to. */
BATON_API uint64_t baton_incarnation(baton_client*);

/* ---- scheduler half ---- */

/* Number of leading keys (n × 32 bytes) whose chunks this node's arena holds sealed, in *held. Reads shared
 * memory only. A hint: a claim may still find less. */
BATON_API int baton_lookup(baton_client*, const uint8_t* keys, uint32_t n, uint32_t* held);

/* RPC. The prefill side accepts a ticket: compares count, last key and total tokens with the ticket's.
 * need[i] becomes 1 where chunk i is to be gathered by this engine, 0 where the target has it or the bus
 * already sends it from the arena. On mismatch the ticket fails (key_mismatch). */
BATON_API int baton_ticket_accept(baton_client*, const uint8_t ticket[BATON_TICKET_BYTES], const uint8_t* keys,
                                  uint32_t n, uint32_t total_tokens, uint8_t* need);
/* The decode side asks for a ticket's progress: BATON_OK = landed (all chunks sealed here), BATON_LANDING =
 * ask again, BATON_ERR_ENDED = failed (what landed is found by baton_lookup), BATON_ERR_UNKNOWN / _FOREIGN.
 * The first call for a ticket is an RPC that also subscribes; later ones read what the service has pushed. */
BATON_API int baton_ticket_poll(baton_client*, const uint8_t ticket[BATON_TICKET_BYTES]);
/* Forgets a subscription. */
BATON_API void baton_ticket_forget(baton_client*, const uint8_t ticket[BATON_TICKET_BYTES]);

/* RPC. A slot to gather chunk `chunk` into. ticket NULL: keep the chunk for later prompts (never evicts pinned
 * chunks; BATON_ERR_FULL is normal). BATON_HELD: nothing to gather. */
BATON_API int baton_fill_begin(baton_client*, const uint8_t* ticket, const uint8_t key[BATON_KEY_BYTES],
                               uint32_t chunk, uint32_t tokens, baton_slot* out);
/* Gives a begun fill up (preempted for good, request aborted). */
BATON_API int baton_fill_abort(baton_client*, const baton_slot* slot);

/* RPC. Pins and returns the slots of n keys, all or as many leading ones as are held: *claimed of them, under
 * one claim id. ticket NULL or the ticket whose chunks these are (its claim is counted and stamped). */
BATON_API int baton_claim(baton_client*, const uint8_t* ticket, const uint8_t* keys, uint32_t n, baton_slot* out,
                          uint32_t* claimed, uint64_t* claim);
/* Unpins. Every claim is released exactly once, loaded or not. */
BATON_API int baton_release(baton_client*, uint64_t claim);

/* ---- worker half: no RPC ---- */

/* Copies heads [head_first, head_first+head_count) of one layer of the slot's chunk from the engine's pages into
 * the slot and stores their digests. pages[i] is the page that holds tokens [i*page_tokens, …) counted from the
 * chunk's first token, which stands at `page_offset` tokens inside pages[0]. Does not announce. */
BATON_API int baton_gather(baton_client*, const baton_slot* slot, uint32_t layer, uint32_t head_first,
                           uint32_t head_count, const baton_layer_layout* layout, const uint32_t* pages,
                           uint32_t page_count, uint32_t page_offset);
/* Announces that all heads of `layer` of these n slots are filled: one message, never waits for an answer.
 * computed_ns: CLOCK_MONOTONIC at which the layer's KV was computed (stamped as "computed"). After the last
 * layer of a slot the service seals it. */
BATON_API int baton_announce(baton_client*, const baton_slot* slots, uint32_t n, uint32_t layer, uint64_t computed_ns);

/* Copies tokens [token_first, token_first+token_count) of heads of one layer from a claimed slot into the engine's
 * pages, exactly those tokens. verify != 0: digests the whole stripe while copying; BATON_ERR_DIGEST after the copy
 * if it differs (the service is told: the chunk is dropped and counted). */
BATON_API int baton_scatter(baton_client*, const baton_slot* slot, uint32_t layer, uint32_t head_first,
                            uint32_t head_count, const baton_layer_layout* layout, const uint32_t* pages,
                            uint32_t page_count, uint32_t page_offset, uint32_t token_first, uint32_t token_count,
                            int verify);
/* Reports the CLOCK_MONOTONIC stamps at which each layer of the ticket's chunks stood in the engine's pages
 * (layers × u64; 0 = not scattered). One message, never waits. */
BATON_API int baton_scattered(baton_client*, const uint8_t ticket[BATON_TICKET_BYTES], const uint64_t* stamps_ns,
                              uint32_t layers);

/* ---- tools ---- */

/* Digest (16 bytes) of one stripe of `tokens` tokens standing in the engine's pages. For check modes. Needs no client. */
BATON_API int baton_digest_pages(const baton_geometry* geometry, const uint8_t key[BATON_KEY_BYTES], uint32_t layer,
                                 uint32_t head, uint32_t tokens, const baton_layer_layout* layout,
                                 const uint32_t* pages, uint32_t page_count, uint32_t page_offset,
                                 uint8_t digest[BATON_DIGEST_BYTES]);
/* Counters of this client, for metrics: fills what fits, returns BATON_OK. */
typedef struct {
  uint32_t struct_size;
  uint64_t rpcs, rpc_timeouts, gathered_bytes, scattered_bytes, digest_failures, late_messages;
} baton_counters;
BATON_API int baton_client_counters(baton_client*, baton_counters* out);

#ifdef __cplusplus
}
#endif
#endif
