// What goes wrong with the router's process.
import { again, lasting, stop, type Faults } from './kind.ts';

export const ROUTER_FAULTS: Faults = {
  'router crash': (sim, left) => {
    const { router } = sim;
    if (!router.process.alive) return null;
    router.kill();
    again(sim, 'router', lasting(sim, left, 800), () => { router.restart(); });
    return 'router';
  },
  'router stop': (sim, left) => stop(sim, sim.router.process, left),
  // Taken for dead and replaced while it stands still, it goes on after all, until somebody ends it.
  'router replaced': (sim, left) => {
    const { router, timeline, log } = sim;
    const { process } = router;
    if (!process.alive || process.stopped || router.world === null) return null;
    const resumes = lasting(sim, left, 1500);
    const ends = lasting(sim, left - resumes, 1500);
    process.stop();
    router.replace();
    sim.disturb(resumes + ends);
    timeline.after(resumes, () => { process.resume(); log.add(process.name, 'the replaced one resumes'); });
    timeline.after(resumes + ends, () => { process.kill(); log.add(process.name, 'the replaced one is killed'); });
    return `goes on after ${resumes.toFixed(0)} ms, for ${ends.toFixed(0)} ms`;
  },
}; // prettier-ignore
