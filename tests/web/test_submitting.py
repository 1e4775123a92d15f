"""Several files are asked for together, and one that is refused does not keep the others from going."""

import json
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route

from tests.web.conftest import OpenPage
from tests.web.scenes import SCENES
from tests.web.stage import Stage

SUBMIT = """async ([ids, times]) => {
  const { newWish, submitAll } = await import('./web/convert/submitting.js');
  const wish = newWish();
  const wanted = { output_format: 'mp3', options: {}, priority: 50, goal: 'makespan' };
  const told = [];
  for (let time = 0; time < times; time += 1) {
    const { jobs, refused } = await submitAll(ids.map((id) => ({ id, name: id })), wanted, wish);
    told.push({ jobs, refused: refused.map(({ items, problem }) => [items.map(({ id }) => id), problem.slug]) });
  }
  return told;
}"""
CONVERT = re.compile(r"/convert(/batch|/estimate)?$")
Body = dict[str, Any]
Refusal = tuple[int, str] | None


class Answers:
    """A server that refuses as `refuse` says: by the path and the body, a status and a problem."""

    def __init__(self, page: Page, refuse: Callable[[str, Body], Refusal]) -> None:
        self.asked: list[tuple[str, Body]] = []
        self.keys: list[str | None] = []
        self._refuse = refuse
        page.route(CONVERT, self._answer)
        self._page = page

    def submit(self, *ids: str, times: int = 1) -> list[Body]:
        told: list[Body] = self._page.evaluate(SUBMIT, [ids, times])
        return told

    def files(self, path: str) -> list[list[str]]:
        """What was asked of it, file by file."""
        return [body.get("input_files") or [body["input_file"]] for at, body in self.asked if at == path]

    def _answer(self, route: Route) -> None:
        path = route.request.url.rpartition("/convert")[2]
        body = json.loads(route.request.post_data or "{}")
        self.asked.append((path, body))
        if path != "/estimate":
            self.keys.append(route.request.headers.get("idempotency-key"))
        if refused := self._refuse(path, body):
            route.fulfill(status=refused[0], json={"type": f"urn:balanza:{refused[1]}", "detail": refused[1]})
        elif path == "/batch":
            route.fulfill(json={"batch_id": "b", "jobs": [{"job_id": f"job-{one}"} for one in body["input_files"]]})
        else:
            route.fulfill(json={"job_id": f"job-{body['input_file']}"} if path == "" else {"output_file": "x"})


def test_several_files_go_together_and_a_refused_one_alone_stays_behind(open_page: OpenPage) -> None:
    with Stage(SCENES["empty"]) as stage:
        page = open_page(stage.address, expected="Failed to load resource")

        def refuse_b(_path: str, body: Body) -> Refusal:
            return (422, "missing-stream") if "b" in [body.get("input_file"), *body.get("input_files", [])] else None

        server = Answers(page, refuse_b)
        first, again = server.submit("a", "b", "c", times=2)
        assert first == {"jobs": ["job-a", "job-c"], "refused": [[["b"], "missing-stream"]]}
        assert server.files("/batch") == [["a", "b", "c"], ["a", "c"]]
        assert [body["goal"] for path, body in server.asked if path == "/batch"] == ["makespan"] * 2
        assert again == {"jobs": [], "refused": [[["b"], "missing-stream"]]}  # the others are not asked for again
        assert server.files("") == [["b"]]
        assert "goal" not in server.asked[-1][1]
        assert len(set(server.keys)) == len(server.keys) == 3
        page.unroute_all()

        many = [f"f{number}" for number in range(401)]
        server = Answers(page, lambda path, _: (503, "unavailable") if path == "" else None)
        first, again = server.submit(*many, times=2)
        assert [len(files) for files in server.files("/batch")] == [200, 200]
        assert (len(first["jobs"]), first["refused"]) == (400, [[["f400"], "unavailable"]])
        assert again["jobs"] == []
        assert server.keys[2] == server.keys[3]  # a lost answer: the same request has the same key
        page.unroute_all()

        server = Answers(page, lambda path, body: (
            (403, "quota-exceeded") if path == "/batch" or body["input_file"] in {"c", "d"} else None
        ))  # fmt: skip
        (told,) = server.submit("a", "b", "c", "d")
        assert told == {"jobs": ["job-a", "job-b"], "refused": [[["c", "d"], "quota-exceeded"]]}
        assert server.files("") == [["a"], ["b"], ["c"]]
        page.context.close()
