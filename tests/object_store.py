"""An S3-compatible object store on loopback for tests: moto's server, with one empty bucket."""

from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import requests
from moto.server import ThreadedMotoServer

BUCKET = "orderhub"
REGION = "eu-west-1"


@contextmanager
def running_s3() -> Iterator[tuple["boto3.client", dict[str, str]]]:
    """Start one that holds nothing; yields a client, and the environment that other clients need."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    requests.post(f"{url}/moto-api/reset", timeout=30).raise_for_status()  # all servers of a process share it
    environ = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": url,
    }
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    client = boto3.client("s3", endpoint_url=url, region_name=REGION, **keys)
    try:
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield client, environ
    finally:
        client.close()
        server.stop()
