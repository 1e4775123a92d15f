"""What the store knows of a lease as the messages that workers get, and what workers report as what the store keeps."""

from datetime import datetime
from uuid import uuid4

from balanza.errors import LeaseLost
from balanza.media import formats
from balanza.media.derivations import derivation_of
from balanza.model import Lease, Media
from balanza.protocol import Completion, LeaseGrant, Source


def lease_lost() -> LeaseLost:
    return LeaseLost("This lease is over: the job was cancelled, given to another worker, or has ended.")


def grant_of(lease: Lease) -> LeaseGrant:
    source = lease.source
    return LeaseGrant(
        token=lease.token,
        job_id=lease.job.id,
        attempt=lease.attempt,
        kind=lease.job.kind,
        output_format=lease.job.output_format,
        options=dict(lease.job.options),
        source=Source(
            media_id=source.id,
            name=source.name,
            size_bytes=source.size_bytes,
            sha256=source.sha256,
            storage_key=source.storage_key,
            probe=source.probe,
        ),
        output_key=lease.output_key,
        was_assigned=lease.was_assigned,
    )


def result_of(lease: Lease, completion: Completion, now: datetime) -> Media:
    """The media that the lease's job is to get as its result."""
    job = lease.job
    if job.kind.is_listed:
        name = formats.output_name(job.input_file, job.output_format)
        mime_type, derived_from = formats.FORMATS[job.output_format].mime_type, None
    else:
        name, mime_type = f"{job.input_file} ({job.kind})", derivation_of(job.kind).mime_type
        derived_from = job.source_id
    return Media(
        id=str(uuid4()),
        name=name,
        size_bytes=completion.size_bytes,
        sha256=completion.sha256,
        mime_type=mime_type,
        storage_key=lease.output_key,
        probe=completion.probe,
        created_at=now,
        job_id=lease.job.id,
        owner_id=lease.job.owner_id,
        derived_from=derived_from,
    )
