"""The part of the account in memory that has to do with images, parameters, and who uses them."""

from datetime import UTC, datetime, timedelta

from bulkput.model.errors import ServiceError
from bulkput.model.failure import FailureClass

BEGAN = datetime(2026, 9, 1, tzinfo=UTC)


def refused(operation, failure, code):
    return ServiceError(operation, failure, f"{operation}: {code}", code=code)


def tags_of(asked):
    return [tag for each in asked.get("TagSpecifications", ()) for tag in each["Tags"]]


class Images:
    """Calls about images; mixed into the account."""

    def _describe_images(self, here, asked, _):
        for each in here.images.values():
            self._ripen(each, "available")
        return {"Images": [each for each in here.images.values() if self._fits(each, asked)]}

    def _register_image(self, here, asked, region):
        if here.refuses_images:
            raise refused("RegisterImage", FailureClass.INVALID, "InvalidParameterValue")
        for mapping in asked["BlockDeviceMappings"]:
            snapshot = here.snapshots[mapping["Ebs"]["SnapshotId"]]
            assert snapshot["State"] == "completed", "registered before its snapshot is there"
        if asked.get("DryRun"):
            raise refused("RegisterImage", FailureClass.INVALID, "DryRunOperation")
        if any(each["Name"] == asked["Name"] for each in here.images.values()):
            raise refused("RegisterImage", FailureClass.CONFLICT, "InvalidAMIName.Duplicate")
        made = self.cloud.new_id("ami")
        age = timedelta(seconds=len(self.cloud.log))
        here.images[made] = {
            **{key: value for key, value in asked.items() if key != "TagSpecifications"},
            "ImageId": made,
            "State": "pending",
            "polls": self.cloud.polls,
            "Tags": tags_of(asked),
            "CreationDate": (BEGAN + age).isoformat().replace("+00:00", ".000Z"),
            "permissions": [],
        }
        return {"ImageId": made}

    def _deregister_image(self, here, asked, _):
        if here.images.pop(asked["ImageId"], None) is None:
            raise refused("DeregisterImage", FailureClass.GONE, "InvalidAMIID.Unavailable")
        return {}

    def _describe_image_attribute(self, here, asked, _):
        return {"LaunchPermissions": list(here.images[asked["ImageId"]]["permissions"])}

    def _modify_image_attribute(self, here, asked, _):
        image = here.images[asked["ImageId"]]
        for each in asked["LaunchPermission"]["Add"]:
            assert each not in image["permissions"], "added twice"
            image["permissions"].append(each)
        return {}

    def _enable_image_deprecation(self, here, asked, _):
        here.images[asked["ImageId"]]["DeprecationTime"] = asked["DeprecateAt"].isoformat()
        return {}

    def _get_parameter(self, here, asked, _):
        if asked["Name"] not in here.parameters:
            raise refused("GetParameter", FailureClass.GONE, "ParameterNotFound")
        return {"Parameter": {"Value": here.parameters[asked["Name"]]}}

    def _put_parameter(self, here, asked, _):
        here.parameters[asked["Name"]] = asked["Value"]
        return {"Version": 1}

    def _create_tags(self, here, asked, _):
        for each in asked["Resources"]:
            here.snapshots[each]["Tags"] += asked["Tags"]
        return {}

    # -- who uses them

    def _describe_regions(self, here, asked, _):
        return {"Regions": [{"RegionName": name} for name in self.cloud.regions]}

    def _describe_instances(self, here, asked, _):
        (wanted,) = [each["Values"] for each in asked["Filters"] if each["Name"] == "image-id"]
        state = {"Name": here.instance_state}
        found = [{"ImageId": each, "State": state} for each in here.instances if each in wanted]
        return {"Reservations": [{"Instances": found}] if found else []}

    def _describe_launch_templates(self, here, asked, _):
        return {"LaunchTemplates": [{"LaunchTemplateId": each} for each in here.templates]}

    def _describe_launch_template_versions(self, here, asked, _):
        images = here.templates[asked["LaunchTemplateId"]]
        listed = [{"LaunchTemplateData": {"ImageId": each}} for each in images]
        return {"LaunchTemplateVersions": listed}
