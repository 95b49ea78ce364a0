"""Every action by its name, and the way of a call from its form to its answer."""

from bulkput.emulator.account import Account
from bulkput.emulator.answer import XML, Answer
from bulkput.emulator.call import Call
from bulkput.emulator.ec2 import (
    fast_restores,
    image_attributes,
    image_copies,
    image_register,
    images,
    instances,
    launch_templates,
    locks,
    regions,
    settings,
    snapshot_attributes,
    snapshot_copies,
    snapshots,
    tags,
    volumes,
)
from bulkput.emulator.ec2.call import Action, Ec2Call, action_name
from bulkput.emulator.ec2.errors import Ec2Error, dry_run
from bulkput.emulator.ec2.query import read_form, write_answer

_IMPLEMENTED = (
    *(snapshots.describe_snapshots, snapshots.delete_snapshot, snapshot_copies.copy_snapshot),
    snapshot_attributes.modify_snapshot_attribute,
    snapshot_attributes.describe_snapshot_attribute,
    snapshot_attributes.reset_snapshot_attribute,
    *(locks.lock_snapshot, locks.unlock_snapshot, locks.describe_locked_snapshots),
    fast_restores.enable_fast_snapshot_restores,
    fast_restores.disable_fast_snapshot_restores,
    fast_restores.describe_fast_snapshot_restores,
    *(volumes.create_volume, volumes.describe_volumes, volumes.delete_volume),
    *(image_register.register_image, images.describe_images, images.deregister_image),
    *(image_copies.copy_image, image_attributes.modify_image_attribute),
    image_attributes.describe_image_attribute,
    image_attributes.reset_image_attribute,
    image_attributes.enable_image_deprecation,
    image_attributes.disable_image_deprecation,
    *(tags.create_tags, tags.delete_tags, tags.describe_tags),
    settings.get_image_block_public_access_state,
    settings.enable_image_block_public_access,
    settings.disable_image_block_public_access,
    settings.get_snapshot_block_public_access_state,
    settings.enable_snapshot_block_public_access,
    settings.disable_snapshot_block_public_access,
    settings.get_ebs_encryption_by_default,
    settings.enable_ebs_encryption_by_default,
    settings.disable_ebs_encryption_by_default,
    settings.get_ebs_default_kms_key_id,
    settings.modify_ebs_default_kms_key_id,
    settings.reset_ebs_default_kms_key_id,
    *(instances.run_instances, instances.describe_instances, instances.terminate_instances),
    launch_templates.create_launch_template,
    launch_templates.create_launch_template_version,
    launch_templates.modify_launch_template,
    launch_templates.delete_launch_template,
    launch_templates.describe_launch_templates,
    launch_templates.describe_launch_template_versions,
    *(regions.describe_regions, regions.describe_availability_zones),
)
ACTIONS: dict[str, Action] = {action_name(each): each for each in _IMPLEMENTED}


def answer_action(account: Account, call: Call) -> Answer:
    """Answer the action that the form names.

    Raises:
        Ec2Error: it cannot be done.
    """
    name = call.form.get("Action", "")
    action = ACTIONS.get(name)
    if action is None:
        raise Ec2Error("InvalidAction", f"The action {name} is not valid for this web service.")
    parameters = read_form(name, call.form)
    if parameters.get("DryRun"):
        raise dry_run()
    answer = Answer(200, b"", XML)
    fields = action(Ec2Call(account, call.region, parameters, account.clock.unix_s()))
    answer.body = write_answer(name, fields, answer.request_id)
    return answer
