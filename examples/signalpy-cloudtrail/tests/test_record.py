"""What becomes of each field of a record."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from signalpy_cloudtrail.record import RecordError, read_record

TIME = "2023-07-10T11:42:18Z"


def fact(**fields: Any) -> Any:
    return read_record({"eventTime": TIME} | fields, fallback_id="file.json#1")


def test_a_whole_record() -> None:
    """Every field of a usual record finds its place, and the record itself is kept as it is."""
    record = {
        "eventVersion": "1.08",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::1:user/ann", "userName": "ann"},
        "eventTime": TIME,
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetBucketAcl",
        "sourceIPAddress": "192.0.2.7",
        "userAgent": "aws-cli/2",
        "errorCode": "AccessDenied",
        "errorMessage": "Access Denied",
        "requestID": "R1",
        "eventID": "E1",
        "resources": [{"ARN": "arn:aws:s3:::one", "accountId": "1", "type": "AWS::S3::Bucket"}],
    }
    read = read_record(record, fallback_id="unused")
    assert read.event_type == "aws.s3.GetBucketAcl"
    assert read.actor == "arn:aws:iam::1:user/ann"
    assert read.on_behalf_of is None
    assert read.client == {"ip": "192.0.2.7", "user_agent": "aws-cli/2", "request_id": "R1"}
    assert read.subjects == ("arn:aws:s3:::one",)
    assert read.outcome == "failure"
    assert read.error == {"type": "AccessDenied", "message": "Access Denied"}
    assert read.occurred_at == datetime(2023, 7, 10, 11, 42, 18, tzinfo=UTC)
    assert read.id == "E1"
    assert read.data is record


@pytest.mark.parametrize(
    ("identity", "actor"),
    [
        ({"type": "Root", "arn": "arn:aws:iam::1:root", "invokedBy": "s3.amazonaws.com"}, "arn:aws:iam::1:root"),
        ({"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}, "ec2.amazonaws.com"),
        ({"accountId": "1", "invokedBy": "ec2.amazonaws.com"}, "ec2.amazonaws.com"),
        ({"type": "AWSAccount", "principalId": "P", "accountId": "1"}, "AWSAccount"),
        ({"type": "IAMUser", "arn": None, "invokedBy": ""}, "IAMUser"),
        ({"type": "IAMUser", "arn": {"of": "another kind"}}, "IAMUser"),
        ({}, None),
        (None, None),
        ("ann", None),
    ],
)
def test_actor(identity: object, actor: str | None) -> None:
    """The actor is the ARN, else the service that invoked, else the type of identity, else nobody."""
    assert fact(userIdentity=identity).actor == actor


def test_identity_centre() -> None:
    """Who is signed in through IAM Identity Center is named as the one on whose behalf the call was made."""
    identity = {"type": "IdentityCenterUser", "onBehalfOf": {"userId": "U1", "identityStoreArn": "arn:aws:x"}}
    read = fact(userIdentity=identity)
    assert (read.actor, read.on_behalf_of) == ("IdentityCenterUser", "U1")


@pytest.mark.parametrize(
    ("source", "name", "kind", "event_type"),
    [
        ("iam.amazonaws.com", "GetUser", "AwsApiCall", "aws.iam.GetUser"),
        ("cognito-idp.amazonaws.com", "Login", None, "aws.cognito-idp.Login"),
        ("elsewhere.example.com", "Do", None, "aws.elsewhere.example.com.Do"),
        (None, None, "AwsCloudTrailInsight", "aws.unknown.AwsCloudTrailInsight"),
        (None, "GetUser", None, "aws.unknown.GetUser"),
        ("iam.amazonaws.com", None, None, "aws.iam.unknown"),
        ("", " ", 5, "aws.unknown.5"),
        (["iam"], {}, None, "aws.unknown.unknown"),
        ("iam.amazonaws.com", "Get\nUser \x1b[2J", None, "aws.iam.Get_User__[2J"),
        ("aws:s3", "ObjectCreated:Put", None, "aws.aws:s3.ObjectCreated:Put"),
    ],
)
def test_event_type(source: object, name: object, kind: object, event_type: str) -> None:
    """The type names service and event; what is absent is unknown, and no name can break a line."""
    assert fact(eventSource=source, eventName=name, eventType=kind).event_type == event_type


@pytest.mark.parametrize(
    ("resources", "subjects"),
    [
        ([{"ARN": "arn:b"}, {"ARN": "arn:a"}, {"ARN": "arn:b"}], ("arn:b", "arn:a")),
        (
            [{"accountId": "1", "type": "AWS::S3::Object", "ARNPrefix": "arn:aws:s3:::one/"}, {"ARN": "arn:a"}],
            ("arn:a",),
        ),
        ([{"ARN": None}, {"ARN": ""}, {}, None, "arn:a"], ()),
        ({"ARN": "arn:a"}, ()),
        (None, ()),
    ],
)
def test_subjects(resources: object, subjects: tuple[str, ...]) -> None:
    """The subjects are the ARNs of the resources, in order and once each; other things there are no subject."""
    assert fact(resources=resources).subjects == subjects


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, None),
        ({"errorCode": None, "errorMessage": None}, None),
        ({"errorCode": ""}, None),
        ({"errorCode": "InvocationDoesNotExist"}, {"type": "InvocationDoesNotExist"}),
        ({"errorCode": 403}, {"type": "403"}),
        ({"errorMessage": "Failed authentication"}, None),
    ],
)
def test_error(fields: dict[str, Any], error: dict[str, str] | None) -> None:
    """An error code makes a failure, and so does a message alone, which is how a failed console sign-in looks."""
    read = fact(**fields)
    assert (read.error, read.outcome) == (error, "failure" if error else "success")


@pytest.mark.parametrize(
    "text",
    ["2023-07-10T11:42:18Z", "2023-07-10T13:42:18+02:00", "2023-07-10 11:42:18", "2023-07-10T11:42:18.000000Z"],
)
def test_time(text: str) -> None:
    """The time is UTC whatever its offset, and taken as UTC without one."""
    assert fact(eventTime=text).occurred_at == datetime(2023, 7, 10, 11, 42, 18, tzinfo=UTC)
    assert fact(eventTime=text).occurred_at.tzinfo is UTC


@pytest.mark.parametrize("value", [None, "", "yesterday", 1688989338, "0001-01-01T00:00:00+10:00"])
def test_no_time(value: object) -> None:
    """A record whose time cannot be read is refused, since it would be recorded as happening now."""
    with pytest.raises(RecordError, match="expected a CloudTrail record with an eventTime"):
        fact(eventTime=value)


@pytest.mark.parametrize(
    ("value", "told"),
    [([], "an array"), ("x", "a text"), (1, "a number"), (1.5, "a number"), (True, "a boolean"), (None, "null")],
)
def test_no_object(value: object, told: str) -> None:
    """What is no object is refused, and the message says what it is."""
    with pytest.raises(RecordError, match=f"found {told}$"):
        read_record(value, fallback_id="x")


def test_without_an_id() -> None:
    """A record without eventID, as version 1.0 had them, is known by its place."""
    assert fact().id == "file.json#1"
    assert fact(eventID=None).id == "file.json#1"
    assert fact(eventID="E1").id == "E1"


def test_client_is_what_is_known() -> None:
    """A client has no entry for what the record does not say."""
    assert fact().client == {}
    assert fact(sourceIPAddress="AWS Internal", userAgent=None).client == {"ip": "AWS Internal"}
