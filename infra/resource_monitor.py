"""The engine's side of Pulumi's protocol: answers a program's requests and keeps what it asked for.

Two gRPC services: the resource monitor (what exists, what is declared) and the engine (log, root resource). A
preview leaves everything the cloud would compute unknown; a rehearsal answers with `made_up` values. Only
features that are really honoured are announced, so a program that needs another one is refused by the SDK
itself.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from infra.graph import PROVIDER_PREFIX, SECRET, STACK_TYPE, Graph, Resource, in_dependency_order, urn_of
from infra.made_up import made_up_answer, made_up_id, made_up_outputs
from infra.wire import decode, secret

if TYPE_CHECKING:
    from collections.abc import Mapping

FEATURES = (
    resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
    resource_pb2.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
)
STACK_REFERENCE = "pulumi:pulumi:StackReference"
#: The same features by the names that older SDKs ask for one by one.
LEGACY_FEATURES = ("secrets", "resourceReferences", "deletedWith")


class RecordingMonitor(resource_pb2_grpc.ResourceMonitorServicer):
    """Answers one program run; `graph` gives what it declared.

    Args:
        stack: the stack's name, which is the phase's id.
        project: the project's name in Pulumi.yaml.
        region: what the default AWS provider would use.
        made_up: answer for the cloud with made-up values; False leaves them unknown, as a preview does.

    Attributes:
        refusal: why the first request was refused, None as long as none was.
    """

    def __init__(self, stack: str, project: str, region: str, *, made_up: bool) -> None:
        self._stack = stack
        self._project = project
        self._region = region
        self._made_up = made_up
        self._lock = threading.Lock()
        self._resources: dict[str, Resource] = {}
        self._regions: dict[str, str] = {}
        self._outputs: Mapping[str, Any] = {}
        self._secret_outputs: tuple[str, ...] = ()
        self.refusal: str | None = None

    def graph(self) -> Graph:
        """Give what has been declared so far."""
        with self._lock:
            ordered = in_dependency_order(self._resources.values())
            return Graph(self._stack, ordered, self._outputs, self._secret_outputs)

    def GetDeploymentInfo(self, _request: Any, _context: Any) -> Any:  # noqa: N802  # the protocol's name, as below
        return resource_pb2.DeploymentInfo(supportedFeatures=FEATURES)

    def SupportsFeature(self, request: Any, _context: Any) -> Any:  # noqa: N802
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in LEGACY_FEATURES)

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        urn = urn_of(self._stack, self._project, request.parent, request.type, request.name)
        properties = decode(request.object)
        id_, computed = self._answer(urn, request, properties.values)
        hidden = {
            name for name in request.additionalSecretOutputs if name in {**properties.values, **computed}
        }
        resource = Resource(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=request.parent or None,
            inputs=properties.values,
            secret_inputs=properties.secret,
            dependencies=tuple(sorted(set(request.dependencies))),
            property_dependencies={
                name: tuple(sorted(set(found.urns)))
                for name, found in sorted(request.propertyDependencies.items())
                if found.urns
            },
            custom=request.custom,
            protect=request.protect,
            ignore_changes=tuple(sorted(request.ignoreChanges)),
            replace_on_changes=tuple(sorted(request.replaceOnChanges)),
            delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
            retain_on_delete=request.retainOnDelete,
            deleted_with=request.deletedWith,
            aliases=tuple(sorted(request.aliasURNs)),
            provider=request.provider,
            id=id_,
            outputs={**properties.values, **computed, **dict.fromkeys(hidden, SECRET)},
        )
        with self._lock:
            if urn in self._resources:
                self._refuse(context, f"two resources have the URN {urn}: give one of them another name")
            self._resources[urn] = resource
            if resource.is_provider:
                self._regions[f"{urn}::{id_}"] = str(properties.values.get("region") or self._region)
        answer = struct_pb2.Struct()
        answer.CopyFrom(request.object)  # as it came: secrets stay marked as secrets
        answer.update(computed)
        for name in hidden:
            answer.update({name: secret(answer.fields[name])})
        return resource_pb2.RegisterResourceResponse(urn=urn, id=id_, object=answer)

    def ReadResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Answer for something that is there already (`Vpc.get`): not ours to deploy, so not recorded."""
        if request.type == STACK_REFERENCE:
            self._refuse(
                context,
                f"the program reads outputs of the stack {request.name}, which only Pulumi's backend knows; "
                "hand the value over in the stack file",
            )
        urn = urn_of(self._stack, self._project, request.parent, request.type, request.name)
        values = decode(request.properties).values
        region = str(values.get("region") or self._regions.get(request.provider, self._region))
        answer = struct_pb2.Struct()
        answer.CopyFrom(request.properties)
        answer.update(made_up_outputs(request.type, request.id, values, region))
        return resource_pb2.ReadResourceResponse(urn=urn, properties=answer)

    def RegisterResourceOutputs(self, request: Any, _context: Any) -> Any:  # noqa: N802
        with self._lock:
            resource = self._resources.get(request.urn)
            if resource is not None and resource.type == STACK_TYPE:
                properties = decode(request.outputs)
                self._outputs, self._secret_outputs = properties.values, properties.secret
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        answer = made_up_answer(request.tok, decode(request.args).values)
        if answer is None:
            self._refuse(
                context,
                f"the program asks AWS through {request.tok}, which cannot be answered without AWS; "
                "add an answer for it to infra/made_up.py",
            )
        struct = json_format.ParseDict(answer, struct_pb2.Struct())
        return resource_pb2.ResourceInvokeResponse(**{"return": struct})

    def SignalAndWaitForShutdown(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def _answer(self, urn: str, request: Any, inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        if not request.custom:
            return "", {}
        if request.type.startswith(PROVIDER_PREFIX):  # references to a provider hold its id, in a preview too
            return made_up_id(urn, request.type, inputs), {}
        if not self._made_up:
            return "", {}
        id_ = made_up_id(urn, request.type, inputs, tuple(request.replaceOnChanges))
        region = str(inputs.get("region") or self._regions.get(request.provider, self._region))
        return id_, made_up_outputs(request.type, id_, inputs, region)

    def _refuse(self, context: Any, why: str) -> None:
        self.refusal = self.refusal or why
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, why)


class QuietEngine(engine_pb2_grpc.EngineServicer):
    """Keeps what the program logs and which resource is the root."""

    def __init__(self) -> None:
        self._root = ""
        self.errors: list[str] = []
        self.warnings: list[str] = []

    def Log(self, request: Any, _context: Any) -> Any:  # noqa: N802
        if request.severity == engine_pb2.ERROR:
            self.errors.append(request.message)
        elif request.severity == engine_pb2.WARNING:
            self.warnings.append(request.message)
        return empty_pb2.Empty()

    def GetRootResource(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    def SetRootResource(self, request: Any, _context: Any) -> Any:  # noqa: N802
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()
