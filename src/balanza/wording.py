"""What the server says, as codes with values, so that a page can say it in the language of its reader.

Sentences are made, in English, where what they tell is known; they are kept with decisions and quarantines, and
answered as they are. Here stands each that a person meets in a page, under a code that stays: `coded` finds the code
and the values of a sentence, also of one that an older version kept. A sentence that does not stand here has no code,
and is shown as it is.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

Value = str | int | float

# In a sentence `{name}` is text, `{name:whole}` and `{name:number}` are numbers, `{name:size}` is bytes, written as
# `1.2 GB` and the like; `[s]` may be there or not.

CLAUSES: Mapping[str, str] = {
    "offline": "is offline",
    "leaving": "is leaving",
    "draining": "is draining",
    "quarantined": "is quarantined until {until} UTC",
    "probation": "gets one job at a time after its quarantine",
    "encoder": "has no encoder[s] {encoders}",
    "tag": "has no tag[s] {tags}",
    "scratch": "has {free_bytes:size} of scratch space free, the job needs about {needed_bytes:size}",
    "failed_before": "failed at this job before (attempt {number:whole})",
    "unmeasured": "its CPU load is unknown",
    "not_drawn": "was not drawn",
    "robbed": "had {count:whole} job[s] and could not start this one yet; {thief} had a free slot",
    "content": "had {count:whole} job[s] and did not ask for another",
    "more_jobs": "had {count:whole} job[s], {winner} {least:whole}",
    "more_cpu": "had CPU {cpu:number}, {winner} {winner_cpu:number}",
    "finishes_later": "would finish it in {seconds:number} s, {winner} in {winner_seconds:number} s",
    "chosen_later": "was chosen more recently than {winner}",
    "later_by_name": "was as good as {winner}, which is first by name",
}
"""Why a worker does not get a job, after its name."""

WAITS: Mapping[str, str] = {
    "turn": "It waits for its turn with {worker}, which runs {count:whole} job[s].",
    "soon": "{worker} is about to take it.",
    "free_slot": "It waits for the first worker with a free slot.",
    "no_worker": "There is no worker yet; start one with balanza worker.",
    "none_online": "No worker is online; start one with balanza worker.",
    "nobody_able": "No worker can take it: {obstacles}.",
}
"""What a pending job waits for. What the last one lists is told apart from it, worker by worker."""

FAULTS: Mapping[str, str] = {
    "job_failed": "It failed at a job that others completed.",
    "jobs_failed": "It failed at {count:whole} jobs that others completed.",
}
"""Why a worker is in quarantine."""

FAILURES: Mapping[str, str] = {
    "ffmpeg": "ffmpeg ended with code {code:whole}: {why}.",
    "ffmpeg_silent": "ffmpeg ended with code {code:whole} without a message.",
    "ffmpeg_ended": "ffmpeg was ended by {signal}: {why}.",
    "ffmpeg_ended_silent": "ffmpeg was ended by {signal} without a message.",
    "stalled": "No progress for {seconds:number} s: ffmpeg was killed.",
    "no_result": "ffmpeg ended without an error but wrote no result.",
    "other_container": "The result is a {container} file, not the {format} that was asked for.",
    "other_streams": "The result should have {expected} as {kind} but has {found}.",
    "other_length": "The result lasts {found:number} s instead of {asked:number} s; the source may be damaged or cut "
    "off.",
    "worker_disk_full": "The worker's disk is full. Free some space in its scratch folder or in the storage, then try "
    "again.",
    "worker_unable": "The worker could not do its part: {why}.",
    "worker_mistake": "The worker made a mistake of its own; its log says more.",
    "worker_restarted": "{worker} was restarted.",
    "worker_silent": "{worker} fell silent; its lease ended.",
    "source_not_brought": "The source could not be transferred in {tries:whole} tries: {why}",
    "result_not_brought": "The result could not be transferred in {tries:whole} tries: {why}",
    "source_damaged": "The source was damaged on its way from the server.",
    "result_damaged": "The result was damaged on its way to the server: {sent_bytes:whole} bytes were sent, "
    "{arrived_bytes:whole} arrived.",
    "source_missing": "The source is missing in the storage folder; upload it again.",
    "source_cut": "The stored source has {found_bytes:whole} bytes instead of {asked_bytes:whole}; upload it again.",
}
"""Why the last attempt of a failed job failed."""

PROBLEMS: Mapping[str, str] = {
    # Files and uploads.
    "file_empty": "{name} is empty. Choose a file with sound or pictures in it.",
    "file_too_large": "{name} has {size_bytes:whole} bytes; this server takes files of up to {most_bytes:whole} bytes.",
    "no_room": "{name} has {size_bytes:whole} bytes, but there is room for {free_bytes:whole} bytes only. Delete files "
    "that are no longer needed, then try again.",
    "storage_full": "The storage is full. Delete files that are no longer needed, for ever, then try again.",
    "disk_full": "The disk that holds the database is full; nothing of the request was kept. Make room and try again.",
    "not_media": "{name}: The file is not an audio or video file that can be read ({why}).",
    "still_picture": "{name}: The file is a still picture; only audio and video can be converted.",
    "nothing_in_it": "{name}: The file has neither sound nor moving pictures in a form that can be read.",
    "upload_cancelled": "The upload {upload} was cancelled.",
    "upload_unknown": "There is no upload {upload}: it was cancelled, or has expired. Begin a new one.",
    "upload_expired": "The upload of {name} has expired: nothing came for 24 hours. Begin a new one.",
    "upload_locked": "Another request is adding to the upload {upload}. Try again in a moment.",
    "quota_stored": "You may store {most:whole} MiB on this server and have {stored:whole} MiB, with the trash. Delete "
    "files for ever that you no longer need, or ask an administrator for more.",
    "quota_jobs": "You may have {most:whole} jobs at a time on this server, pending and running. Wait until one has "
    "ended, or cancel one.",
    "file_in_trash": "The file {name} ({file}) is in the trash. Restore it from there to use it.",
    "file_not_in_trash": "The file {name} ({file}) is not in the trash: it can be used as it is.",
    "file_deleted": "The file {name} ({file}) was deleted. Upload it again to use it.",
    "file_unknown": "There is no file with the id {file}. GET /media lists what there is.",
    "file_not_found": "There is no file {name}. Upload it first, or see what there is with GET /media.",
    "file_converted": "{name} is being converted by job {job}. Cancel the job, or wait for it.",
    "page_of_files_gone": "The query parameter 'cursor' names no file: {cursor}. Begin again without it.",
    # Conversions.
    "no_sound": "{name}: The file has no sound, so it cannot become {format}.",
    "no_film": "{name}: The file has no video, so it cannot become {format}: choose another file.",
    "no_film_but_sound": "{name}: The file has no video, so it cannot become {format}: for a song, choose m4a, mp3 or "
    "another audio format.",
    "format_unknown": "There is no output format {format}; choose one of {formats}.",
    "bitrate_or_crf": "bitrate and crf exclude each other: give the bit rate or the quality, not both.",
    "copy_or_change": "copy keeps the streams as they are, so {options} cannot be carried out: give one or the other.",
    "end_before_start": "end is {end:number} s, which is not after start at {start:number} s.",
    "start_after_end": "start is {start:number} s, but the file ends at {end:number} s.",
    "start_after_end_of": "start is {start:number} s, but {name} ends at {end:number} s.",
    "option_unknown": "{format} has no option {option}; it takes {options}.",
    "option_whole": "{option} cannot be {value}: for {format} give a whole number from {range}.",
    "option_number": "{option} cannot be {value}: for {format} give a number from {range}.",
    "option_flag": "{option} cannot be {value}: for {format} give true or false.",
    "option_time": '{option} cannot be {value}: for {format} give seconds (12.5) or a time like "1:30" or "1:02:03.5", '
    "from 0 to 1000 hours.",
    "option_resolution": '{option} cannot be {value}: for {format} give "WIDTHxHEIGHT" or "HEIGHTp", like "1280x720" '
    'or "720p", each side from 16 to 8192.',
    "option_choice": "{option} cannot be {value}: for {format} give {choices} or {last}.",
    "batch_size": "A batch has 1 to {most:whole} files; this one has {count:whole}.",
    "priority_high": "Only administrators can ask for a priority above {most:whole}; ask for {limit:whole} or less.",
    "job_unknown": "There is no job {job}. GET /jobs lists the jobs there are.",
    "job_not_to_cancel": "Job {job} is {status} and cannot be cancelled any more.",
    "job_not_to_retry": "Job {job} is {status}; only a failed or cancelled job can be tried again.",
    # Shared links.
    "link_ended": "This link leads nowhere: it is mistyped, or it has ended. Ask whoever sent it for a new one.",
    "link_unknown": "There is no link with the id {link}. GET /shares lists those of a file.",
    "link_used_up": "The downloads that this link allows ({most:whole}) are used up. It can still be played here; to "
    "download it, ask whoever sent the link for a new one.",
    "link_locked": "This link asks for a password. Open its page and type it there.",
    "link_password": "This is not the password of this link. Try again, or ask whoever sent the link.",
    "link_attempts": "Too many passwords were tried on this link. Wait {seconds:whole} seconds, then try again.",
    "page_of_links_gone": "The query parameter 'cursor' names no link: {cursor}. Begin again without it.",
    # Accounts.
    "name_impossible": "{name} cannot be the name of an account. Use 1 to {most:whole} characters without spaces, "
    "such as an e-mail address.",
    "password_length": "A password has {least:whole} to {most:whole} characters; this one has {count:whole}. A few "
    "words in a row are easy to remember.",
    "password_simple": "This password is easily guessed. A few words in a row are easy to remember.",
    "name_taken": "The name {name} is taken. Choose another.",
    "account_gone": "This account has been deleted already.",
    "account_back": "{name} has been enabled again meanwhile: not all of the account is deleted.",
    "identity_taken": "Whom the identity provider calls so has an account already.",
    "no_accounts": "This server has no accounts: nobody has to log in. BALANZA_AUTH=on turns them on.",
    "signup_closed": "Nobody can be invited: sign-up is closed on this server (BALANZA_SIGNUP).",
    "invitation_needed": "An account is made with an invitation here. Ask an administrator of this server for one.",
    "invitation_ended": "This invitation is not valid: it was used, taken back, or is too old. Ask for a new one.",
    "invitation_unknown": "There is no open invitation {invitation}. GET /invitations lists those there are.",
    "person_unknown": "There is no account with the id {person}. GET /users lists those there are.",
    "last_admin": "{name} is the only administrator. Make somebody else one first.",
    "account_disabled": "The account {name} is disabled. Ask an administrator of this server.",
    "login_wrong": "The name or the password is wrong. Try again, or ask an administrator for a new password.",
    "login_attempts": "Too many tries failed. Wait {minutes:whole} minutes, then try again.",
    "login_crowded": "Very many people are logging in at this moment. Try again in a few seconds.",
    "session_over": "This session or token is not valid, or not any more. Log in again.",
    "token_unknown": "You have no token {token}. GET /auth/tokens lists yours.",
    "token_scope": "A token of yours can have no more rights than you: {scope} at most.",
    "tokens_many": "You have {most:whole} tokens already. Revoke one that is no longer needed.",
    "admins_only": "Only administrators of this server may do this.",
    "no_provider": "There is no identity provider here. Log in with name and password, in the page at /login.html.",
    # The fleet.
    "worker_unknown": "There is no worker {worker}. GET /workers/stats lists the workers there are.",
    "worker_online": "{worker} is online. Drain it and end it first; then it can be removed.",
    "worker_has_jobs": "{worker} still has {count:whole} jobs. They go to others in a moment: then remove it again.",
    # The server itself.
    "foreign_page": "A page from {origin} may not change anything here. Use the page of this server, {address}.",
    "foreign_site": "Another site may not change anything here. Use the page of this server, {address}.",
    "going_down": "The server was ended before this request was done. Send it again once the server is back.",
    "database_closed": "The database is closed: the program is ending. Try again when it runs.",
    "database_crowded": "All connections to the database are in use. Try again in a moment.",
    "bug": "Something went wrong inside the server. Look for incident {incident} in its log.",
}
"""What went wrong: the detail of a problem document."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A sentence as its code (None: it has none) and what stands in it."""

    code: str | None
    values: Mapping[str, Value]


@lru_cache(maxsize=1024)
def clause(text: str | None) -> Coded:
    """Of a decision: there are few kinds, and a page lists thousands of them."""
    return coded(CLAUSES, text)


@lru_cache(maxsize=1024)
def failure(text: str | None) -> Coded:
    """Of a job: most have none, and a page lists hundreds of them."""
    return coded(FAILURES, text) if text else Coded(None, {})


def coded(sentences: Mapping[str, str], text: str | None) -> Coded:
    """The first of `sentences` that `text` is, with its values."""
    for code, sentence in sentences.items():
        form, readers = _form(sentence)
        if found := form.fullmatch(text or ""):
            return Coded(code, {name: readers[name](value) for name, value in found.groupdict().items()})
    return Coded(None, {})


def _size_bytes(text: str) -> int:
    number, unit = text.split(" ")
    return round(float(number) * 1000.0 ** _UNITS.index(unit))


_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_KINDS: Mapping[str | None, tuple[str, Callable[[str], Value]]] = {
    None: (r".+?", str),
    "whole": (r"\d+", int),
    "number": (r"[\d.]+(?:e[+-]?\d+)?", float),
    "size": (rf"[\d.]+ (?:{'|'.join(_UNITS)})", _size_bytes),
}
_PART = re.compile(r"\{(?P<name>\w+)(?::(?P<kind>\w+))?\}|\[(?P<perhaps>\w+)\]")


@lru_cache(maxsize=256)
def _form(sentence: str) -> tuple[re.Pattern[str], Mapping[str, Callable[[str], Value]]]:
    """What matches the sentence, and how each value in it is read."""
    form, readers, end = "", {}, 0
    for part in _PART.finditer(sentence):
        form += re.escape(sentence[end : part.start()])
        end = part.end()
        if part["perhaps"]:
            form += f"(?:{part['perhaps']})?"
        else:
            pattern, readers[part["name"]] = _KINDS[part["kind"]]
            form += f"(?P<{part['name']}>{pattern})"
    return re.compile(form + re.escape(sentence[end:]), re.DOTALL), readers
