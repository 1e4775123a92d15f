// What a page asked the server for, to be shown and asked for again.
import { useEffect, useState } from '../vendor/preact/hooks.js';

/** `{answer, problem, reload}`: what `fetch` answered last, why it did not since, and what asks again. */
export function useAnswer(fetch) {
  const [found, setFound] = useState({ answer: null, problem: null });
  const reload = async () => {
    try {
      setFound({ answer: await fetch(), problem: null });
    } catch (problem) {
      if (problem.slug === undefined) throw problem;
      setFound((before) => ({ ...before, problem }));
    }
  };
  useEffect(() => {
    reload();
  }, []);
  return { ...found, reload };
}
