"""Several files are asked for together, and one that is refused does not keep the others from going."""

import json
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.web.conftest import OpenPage
from tests.web.scenes import SCENES
from tests.web.stage import Stage
from tests.web.words import ENGLISH, Screen

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
SENTENCES = {"invalid-option": "start is 60 s, but the file ends at 9 s."}
OUTCOME = {"output_file": "x.mp3", "size_bytes": 1_000, "seconds": 2.0, "runs_copy": False}
CONVERT = re.compile(r"/convert(/batch|/estimate)?$")
Body = dict[str, Any]
Refusal = tuple[int, str] | tuple[int, str, str] | None


class Answers:
    """A server that refuses as `refuse` says: by the path and the body, a status, a problem, and a code."""

    def __init__(self, page: Page, refuse: Callable[[str, Body], Refusal]) -> None:
        self.asked: list[tuple[str, Body]] = []
        self.keys: list[str | None] = []
        self.cut: list[str] = []
        """What the next requests for jobs are answered with, in place of the whole."""
        self._refuse = refuse
        page.route(CONVERT, self._answer)
        self._page = page

    def submit(self, *ids: str, times: int = 1) -> list[Body]:
        told: list[Body] = self._page.evaluate(SUBMIT, [ids, times])
        return told

    def files(self, path: str) -> list[list[str]]:
        """What was asked of it, file by file."""
        return [body.get("input_files") or [body["input_file"]] for at, body in self.asked if at == path]

    def requests(self) -> list[list[str]]:
        """The files of each request for jobs."""
        return [body.get("input_files") or [body["input_file"]] for path, body in self.asked if path != "/estimate"]

    def _answer(self, route: Route) -> None:
        path = route.request.url.rpartition("/convert")[2]
        body = json.loads(route.request.post_data or "{}")
        self.asked.append((path, body))
        if path != "/estimate":
            self.keys.append(route.request.headers.get("idempotency-key"))
        if refused := self._refuse(path, body):
            status, slug, *code = refused
            said = {"code": code[0], "values": {"start": 60, "end": 9}} if code else {}
            route.fulfill(
                status=status, json={"type": f"urn:balanza:{slug}", "detail": SENTENCES.get(slug, slug), **said}
            )
        elif self.cut and path != "/estimate":
            route.fulfill(content_type="application/json", body=self.cut.pop(0))
        elif path == "/batch":
            route.fulfill(json={"batch_id": "b", "jobs": [{"job_id": f"job-{one}"} for one in body["input_files"]]})
        else:
            route.fulfill(json={"job_id": f"job-{body['input_file']}"} if path == "" else OUTCOME)


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
        page.unroute_all()

        lost = [(503, "unavailable"), (502, "unexpected")]
        server = Answers(page, lambda _, body: (
            (403, "quota-exceeded") if "a" in body.get("input_files", [])
            else lost.pop(0) if lost and body.get("input_file") == "b" else None
        ))  # fmt: skip
        first, second, third = server.submit("a", "b", "c", "d", times=3)
        assert first == {"jobs": ["job-a"], "refused": [[["b", "c", "d"], "unavailable"]]}
        assert second == {"jobs": ["job-c", "job-d"], "refused": [[["b"], "unexpected"]]}
        assert third == {"jobs": ["job-b"], "refused": []}
        assert server.files("/batch")[1:] == [["c", "d"]]  # b may have a job: it is asked for just as it was
        assert len({key for key, files in zip(server.keys, server.requests(), strict=True) if files == ["b"]}) == 1
        page.context.close()


def test_an_option_that_does_not_fit_one_file_leaves_that_one_behind_and_names_it(open_page: OpenPage) -> None:
    with Stage(SCENES["library"]) as stage:
        page = open_page(stage.address, expected="Failed to load resource")

        def refuse_m4(path: str, body: Body) -> Refusal:
            code = "start_after_end_of" if path == "/batch" else "start_after_end"
            is_asked = "m4" in [body.get("input_file"), *body.get("input_files", [])]
            return (422, "invalid-option", code) if is_asked and body["options"].get("start", 60) else None

        server = Answers(page, refuse_m4)
        (told,) = server.submit("m9", "m4", "m8", "m6", "m5", "m7")
        assert told["refused"] == [[["m4"], "invalid-option"]]
        assert server.files("/batch")[1] == ["m9", "m8", "m6", "m5", "m7"]
        assert len(server.files("/estimate")) == 6

        screen = Screen(page, ENGLISH)
        for name in ("voice memo 12.m4a", "holiday.mkv", "paseo-por-la-playa.mp4"):
            screen.row(name).get_by_role("checkbox").check()
        page.get_by_role("button", name="Convert 3 selected").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Format").select_option("mp3")
        dialog.get_by_text("Advanced options").click()
        start = dialog.get_by_label("Start at")
        start.fill("60")
        outcome = dialog.get_by_role("status")
        expect(outcome).to_contain_text(
            "voice memo 12.m4aAn option is not valid.The start is 60 s, but the file ends at 9 s."
        )
        expect(outcome).to_contain_text("and 1 more")
        assert start.get_attribute("aria-invalid") is None
        server.cut = ['{"jobs": [', "{}"]
        page.evaluate("addEventListener('unhandledrejection', (event) => event.preventDefault())")  # that of a bug
        dialog.get_by_role("button", name="Start").click()
        expect(dialog.get_by_role("alert")).to_contain_text("The server cannot be reached.")
        with page.expect_response(re.compile("batch")):
            dialog.get_by_role("button", name="Start").click()
        dialog.get_by_role("button", name="Start").click()
        expect(dialog.get_by_role("heading", name="Convert voice memo 12.m4a")).to_be_visible()
        expect(dialog.get_by_role("alert")).to_have_text("The other 2 have started.")
        assert [len(files) for files in server.files("/batch")[2:]] == [3, 2, 2, 2]
        assert len(set(server.keys[-4:-1])) == 1
        expect(start).to_be_focused()
        expect(start).to_have_accessible_description(re.compile("The start is 60 s, but the file ends at 9 s."))
        page.unroute_all()

        server = Answers(page, lambda _path, _body: (422, "invalid-option", "option_time"))
        (told,) = server.submit("a", "b", "c")
        assert told == {"jobs": [], "refused": [[["a", "b", "c"], "invalid-option"]]}
        assert len(server.asked) == 1  # it is not valid for any of them
        page.context.close()
