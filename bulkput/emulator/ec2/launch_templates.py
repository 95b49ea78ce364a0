"""Launch templates and their versions, as far as they name images."""

import dataclasses
import re
from typing import Any

from bulkput.emulator.ec2.call import Ec2Call, Fields
from bulkput.emulator.ec2.errors import Ec2Error, missing, template_not_found
from bulkput.emulator.ec2.select import filtered, page
from bulkput.emulator.ec2.tags import specified_tags, tag_set
from bulkput.emulator.options import OWNER_ID
from bulkput.emulator.resources import LaunchTemplate
from bulkput.emulator.shelf import new_id

_TITLE = re.compile(r"[a-zA-Z0-9().\-/_]{3,128}")
_VERSION = re.compile(r"[0-9]{1,9}")


def create_launch_template(call: Ec2Call) -> Fields:
    """Make a template with its first version."""
    title = call.given("LaunchTemplateName")
    if not _TITLE.fullmatch(title):
        message = "A launch template name has 3 to 128 letters, numbers and ( ) . - / _"
        raise Ec2Error("InvalidLaunchTemplateName.MalformedException", message)
    if any(each.title == title for each in _all(call)):
        message = "Launch template name already in use."
        raise Ec2Error("InvalidLaunchTemplateName.AlreadyExistsException", message)
    template = LaunchTemplate(
        name=new_id("lt"),
        region=call.region,
        title=title,
        created_unix_s=call.now_unix_s,
        versions=(_data(call),),
        tags=specified_tags(call, "launch-template"),
    )
    call.account.resources.launch_templates.put(template)
    return {"LaunchTemplate": _item(template)}


def create_launch_template_version(call: Ec2Call) -> Fields:
    """Add a version, whose data is what is given and nothing of an earlier one."""
    template = _existing(call)
    fresh = dataclasses.replace(template, versions=(*template.versions, _data(call)))
    call.account.resources.launch_templates.put(fresh)
    return {"LaunchTemplateVersion": _version_item(fresh, len(fresh.versions))}


def modify_launch_template(call: Ec2Call) -> Fields:
    """Set the default version."""
    template = _existing(call)
    number = _number(template, call.given("DefaultVersion") or "")
    fresh = dataclasses.replace(template, default_version=number)
    call.account.resources.launch_templates.put(fresh)
    return {"LaunchTemplate": _item(fresh)}


def delete_launch_template(call: Ec2Call) -> Fields:
    """Forget a template."""
    template = _existing(call)
    call.account.resources.launch_templates.remove(template)
    return {"LaunchTemplate": _item(template)}


def describe_launch_templates(call: Ec2Call) -> Fields:
    """List templates."""
    found = list(_all(call))
    ids, titles = call.given("LaunchTemplateIds"), call.given("LaunchTemplateNames")
    if ids or titles:
        found = [_named(call, each, None) for each in ids or ()]
        found += [_named(call, None, each) for each in titles or ()]
    found = filtered(
        call, found, {"launch-template-name": lambda each: each.title}, lambda each: each.tags
    )
    shown, token = page(call, found, low=1, high=200)
    return {"LaunchTemplates": [_item(each) for each in shown], "NextToken": token}


def describe_launch_template_versions(call: Ec2Call) -> Fields:
    """List the versions of one template, or the latest or default ones of all."""
    wanted = call.given("Versions")
    if call.given("LaunchTemplateId") or call.given("LaunchTemplateName"):
        template = _existing(call)
        numbers = range(1, len(template.versions) + 1)
        chosen = [_number(template, each) for each in wanted] if wanted else list(reversed(numbers))
        rows = [_version_item(template, number) for number in chosen]
    else:
        if not wanted or not set(wanted) <= {"$Latest", "$Default"}:
            raise missing("LaunchTemplateId or LaunchTemplateName")
        rows = [
            _version_item(each, number)
            for each in _all(call)
            for number in sorted({_number(each, word) for word in wanted})
        ]
    rows = filtered(
        call,
        rows,
        {"image-id": lambda each: str(each["LaunchTemplateData"].get("ImageId", ""))},
        lambda _: (),
    )
    shown, token = page(call, rows, low=1, high=200)
    return {"LaunchTemplateVersions": shown, "NextToken": token}


def _data(call: Ec2Call) -> dict[str, Any]:
    data = call.given("LaunchTemplateData", {})
    return {name: data[name] for name in ("ImageId", "InstanceType") if name in data}


def _all(call: Ec2Call) -> list[LaunchTemplate]:
    return list(call.account.resources.launch_templates.in_region(call.region))


def _existing(call: Ec2Call) -> LaunchTemplate:
    return _named(call, call.given("LaunchTemplateId"), call.given("LaunchTemplateName"))


def _named(call: Ec2Call, name: str | None, title: str | None) -> LaunchTemplate:
    for each in _all(call):
        if each.name == name or (name is None and each.title == title):
            return each
    if name is not None:
        raise template_not_found(name)
    message = f"The specified launch template, with template name {title}, does not exist."
    raise Ec2Error("InvalidLaunchTemplateName.NotFoundException", message)


def _number(template: LaunchTemplate, word: str) -> int:
    if word == "$Latest":
        return len(template.versions)
    if word == "$Default":
        return template.default_version
    if _VERSION.fullmatch(word) and 1 <= int(word) <= len(template.versions):
        return int(word)
    message = f"Could not find the specified version {word} of {template.name}."
    raise Ec2Error("InvalidLaunchTemplateId.VersionNotFound", message)


def _item(each: LaunchTemplate) -> dict[str, Any]:
    return {
        "LaunchTemplateId": each.name,
        "LaunchTemplateName": each.title,
        "CreateTime": each.created_unix_s,
        "CreatedBy": f"arn:aws:iam::{OWNER_ID}:user/rehearsal",
        "DefaultVersionNumber": each.default_version,
        "LatestVersionNumber": len(each.versions),
        "Tags": tag_set(each.tags),
    }


def _version_item(each: LaunchTemplate, number: int) -> dict[str, Any]:
    return {
        "LaunchTemplateId": each.name,
        "LaunchTemplateName": each.title,
        "VersionNumber": number,
        "CreateTime": each.created_unix_s,
        "CreatedBy": f"arn:aws:iam::{OWNER_ID}:user/rehearsal",
        "DefaultVersion": number == each.default_version,
        "LaunchTemplateData": each.versions[number - 1],
    }
