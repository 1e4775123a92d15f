"""Every error Balanza raises on purpose, as one tree.

The message of each is a sentence for a person: it names the thing, its value, and what to do. `status` is the HTTP
status it is answered with, `slug` the last part of the problem type (RFC 9457), `title` the short name of the kind.
"""

from typing import ClassVar


class BalanzaError(Exception):
    """The root: whoever catches this catches all that is not a bug."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"

    @property
    def sentence(self) -> str:
        return str(self)


# --- The caller's fault: repeating the same request cannot succeed.


class CallerError(BalanzaError):
    """The request cannot be carried out as it was made."""

    status = 400
    slug = "bad-request"
    title = "The request is not valid"


class InvalidRequest(CallerError):
    """A field is missing, unknown, or out of range."""

    status = 422
    slug = "invalid-request"
    title = "A value is not valid"


class UnknownFormat(InvalidRequest):
    slug = "unknown-format"
    title = "Unknown format"


class InvalidOption(InvalidRequest):
    slug = "invalid-option"
    title = "An option is not valid"


class NotMedia(InvalidRequest):
    """The bytes are no audio or video that we read."""

    slug = "not-media"
    title = "Not a media file"


class EmptyFile(InvalidRequest):
    slug = "empty-file"
    title = "The file is empty"


class MissingStream(InvalidRequest):
    """The source has no stream of the kind that the output format needs."""

    slug = "missing-stream"
    title = "The file has no such stream"


class NotFound(CallerError):
    status = 404
    slug = "not-found"
    title = "Not found"


class CannotBeMade(NotFound):
    """What was asked to be made of a file, as its thumbnail, cannot be: it has no such stream, or is damaged."""

    slug = "cannot-be-made"
    title = "Cannot be made of this file"


class Gone(CallerError):
    """It was here and has been deleted."""

    status = 410
    slug = "gone"
    title = "Deleted"


class InTrash(Gone):
    """It is in the trash, from which it can be taken back."""

    slug = "in-trash"
    title = "In the trash"


class UsedUp(CallerError):
    """All that was allowed of it was taken."""

    status = 410
    slug = "used-up"
    title = "Used up"


class Conflict(CallerError):
    """The state of the thing does not allow this now."""

    status = 409
    slug = "conflict"
    title = "Not possible in this state"


class Locked(CallerError):
    """Another request is changing it just now."""

    status = 423
    slug = "locked"
    title = "In use"


class TooLarge(CallerError):
    status = 413
    slug = "too-large"
    title = "Too large"


class Refused(CallerError):
    """A request that this server answers to nobody who asks from there."""

    status = 403
    slug = "refused"
    title = "Refused"


class PasswordNeeded(CallerError):
    """It opens to whoever has typed its password."""

    status = 403
    slug = "password-needed"
    title = "A password is needed"


class LoginNeeded(CallerError):
    """Whoever asks has not said who they are, or with a secret that opens nothing (any more)."""

    status = 401
    slug = "login-needed"
    title = "Log in first"


class WrongLogin(CallerError):
    """The name, or the password."""

    status = 401
    slug = "wrong-login"
    title = "Wrong name or password"


class ProviderFailed(CallerError):
    """What came back from the identity provider proves nothing."""

    status = 401
    slug = "login-failed"
    title = "The log-in failed"


class ProviderDenied(ProviderFailed):
    """The identity provider let somebody not in, or they did not want to."""

    status = 403
    slug = "login-denied"
    title = "The log-in was refused"


class AccountDisabled(Refused):
    slug = "account-disabled"
    title = "The account is disabled"


class QuotaExceeded(CallerError):
    """It would be more than this person may have."""

    status = 403
    slug = "quota-exceeded"
    title = "Over the quota"


class WrongPassword(CallerError):
    status = 403
    slug = "wrong-password"
    title = "Wrong password"


class TooManyAttempts(CallerError):
    """The same may be tried again after `retry_after_seconds`."""

    status = 429
    slug = "too-many-attempts"
    title = "Too many attempts"

    def __init__(self, sentence: str, *, retry_after_seconds: int) -> None:
        super().__init__(sentence)
        self.retry_after_seconds = retry_after_seconds


# --- The worker's right is gone: stop, throw the work away, ask for another job.


class LeaseLost(BalanzaError):
    """The lease token is not the current one of its job."""

    status = 409
    slug = "lease-lost"
    title = "The lease is lost"


class WorkerReplaced(BalanzaError):
    """Another process has registered under the same worker id, or the server no longer knows this one."""

    status = 409
    slug = "worker-replaced"
    title = "This worker is no longer registered"


class WorkerUnknown(WorkerReplaced):
    """The server knows no worker of this id: nobody took its place, so it may register again."""

    slug = "worker-unknown"
    title = "This worker is not registered"


# --- One attempt at a job failed; the job may be tried again.


class AttemptFailed(BalanzaError):
    """The conversion did not produce a correct result. `log_tail` holds the last lines FFmpeg wrote."""

    slug = "attempt-failed"
    title = "The conversion failed"

    def __init__(self, sentence: str, *, log_tail: str = "") -> None:
        super().__init__(sentence)
        self.log_tail = log_tail


# --- Infrastructure: the same request may succeed later.


class Retryable(BalanzaError):
    """Nothing was changed; trying again is safe."""

    status = 503
    slug = "unavailable"
    title = "Not available now"


class ServerUnreachable(Retryable):
    """The server did not answer, or not in a way that can be understood."""


class StorageFull(BalanzaError):
    """There is no room left; nothing of the request was kept."""

    status = 507
    slug = "storage-full"
    title = "The storage is full"


class StorageError(BalanzaError):
    """The storage folder cannot be read or written."""

    slug = "storage-error"
    title = "The storage failed"


# --- Starting up: the program says one sentence and ends.


class StartupError(BalanzaError):
    """The program cannot start like this: a taken port, a folder in use, a missing encoder."""

    slug = "cannot-start"
    title = "Balanza cannot start"
