"""What the store knows of a lease as the messages that workers get, and what workers report as what the store keeps."""

from datetime import datetime
from uuid import uuid4

from balanza.media import formats
from balanza.model import Lease, Media
from balanza.protocol import Completion, LeaseGrant, Source


def grant_of(lease: Lease) -> LeaseGrant:
    source = lease.source
    return LeaseGrant(
        token=lease.token,
        job_id=lease.job.id,
        attempt=lease.attempt,
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
    return Media(
        id=str(uuid4()),
        name=formats.output_name(lease.job.input_file, lease.job.output_format),
        size_bytes=completion.size_bytes,
        sha256=completion.sha256,
        mime_type=formats.FORMATS[lease.job.output_format].mime_type,
        storage_key=lease.output_key,
        probe=completion.probe,
        created_at=now,
        job_id=lease.job.id,
    )
