// Bugs that the simulation plants in this very code to show that it finds them (docs/simulation.md). Here is none: the import
// "#planted" leads to this file, and to test/sim/planted/switches.ts only in processes that the simulation starts with
// `--conditions=planted`. No setting and no variable plants one.
export type Planted =
  | 'abort_one_end'
  | 'bound_unchecked'
  | 'cancel_unheard'
  | 'done_after_error'
  | 'double_settle'
  | 'error_as_answer'
  | 'evicted_key_kept'
  | 'hold_and_wait'
  | 'index_after_reset'
  | 'key_without_prefix'
  | 'late_resume'
  | 'leaked_in_flight'
  | 'leaked_share'
  | 'lease_by_wall_clock'
  | 'lease_not_renewed'
  | 'old_report_accepted'
  | 'one_chunk_for_all'
  | 'progress_lost'
  | 'retry_after_headers'
  | 'retry_budget_not_charged'
  | 'room_promised_twice'
  | 'sequence_unchecked'
  | 'service_lost_unheard'
  | 'stale_incarnation'
  | 'tenant_left_out'
  | 'unbounded_retry';

export const planted: (bug: Planted) => boolean = () => false;
