// The bugs that can be planted in shipped TypeScript: what each does, which hazard it re-creates, and within how many seeds it must be
// found. H1 to H32 are the field's documented failures, C.2 its failure matrix.
import type { Planted } from '#core/planted.ts';

export interface Bug {
  hazard: string;
  does: string;
  seeds: number;
}

const SEEDS = 200;
const bug = (hazard: string, does: string): Bug => ({ hazard, does, seeds: SEEDS });

export const BUGS: Readonly<Record<Planted, Bug>> = {
  abort_one_end: bug('H4', 'a ticket is given up at its target only'),
  bound_unchecked: bug('C.3', 'admission counts what it should refuse'),
  cancel_unheard: bug('H14', 'a decode leg goes on after its client has left'),
  done_after_error: bug('C.2, invariant 7', 'a broken stream ends with [DONE], its error event is lost'),
  double_settle: bug('H4', 'an attempt that has failed is settled once more with its request'),
  error_as_answer: bug('H11', 'an error as the first event is relayed as the beginning of an answer'),
  evicted_key_kept: bug('H32', 'the index keeps keys that an arena has evicted'),
  hold_and_wait: bug('H21', 'a refused Expect is asked again while Open holds room'),
  index_after_reset: bug('H20', 'the index keeps what a service held before it lists anew'),
  key_without_prefix: bug('H17', 'a chunk’s key leaves out what comes before the chunk'),
  late_resume: bug('C.2, router stopped', 'a router that was replaced is still heard when it goes on'),
  leaked_in_flight: bug('H22', 'room promised for a refused reservation is never given back'),
  leaked_share: bug('H22', 'the admission of a client who left is never given back'),
  lease_by_wall_clock: bug('H30', 'a lease is a time of the router’s clock'),
  lease_not_renewed: bug('H14', 'a landed ticket’s lease is not renewed while its decode leg is open'),
  old_report_accepted: bug(
    'H5, H7',
    'a request’s attempts share one ticket id: reports on one count for the next',
  ),
  one_chunk_for_all: bug('H6', 'the first chunk that landed is taken for all'),
  progress_lost: bug('H13', 'progress after the first chunk is not told'),
  retry_after_headers: bug('C.2, invariant 7', 'a request is placed again after its head went out'),
  retry_budget_not_charged: bug('C.2, invariant 6', 'retries cost nothing of the budget that bounds them'),
  room_promised_twice: bug('H21', 'placement ignores what a decode engine was promised already'),
  sequence_unchecked: bug('H5', 'batches of a control stream are taken in any order and number'),
  service_lost_unheard: bug('H25', 'requests that wait for a service are not told that it is lost'),
  stale_incarnation: bug('H12', 'a restarted service is spoken of as what it was before'),
  tenant_left_out: bug('H17, H18', 'all tenants share the root of the first'),
  unbounded_retry: bug('C.2, invariant 6', 'a request is placed again without end'),
};
