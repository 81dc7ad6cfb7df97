#!/usr/bin/env python3
"""Talks to the three services as grpcurl would: no .proto file, only what reflection tells."""
import os
import socket
import subprocess
import sys
import tempfile

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# Reflection and health, written down as descriptors: the two services that every generic client knows by heart.
FIELD = descriptor_pb2.FieldDescriptorProto


def message(file, name, *fields):
    entry = file.message_type.add(name=name)
    for number, label, kind, field in fields:
        entry.field.add(name=field, number=number, label=label, type=kind if isinstance(kind, int) else FIELD.TYPE_MESSAGE,
                        type_name=None if isinstance(kind, int) else kind)


def known_pool():
    pool = descriptor_pool.DescriptorPool()
    one, many = FIELD.LABEL_OPTIONAL, FIELD.LABEL_REPEATED
    file = descriptor_pb2.FileDescriptorProto(name="known.proto", package="grpc.reflection.v1alpha", syntax="proto3")
    message(file, "ServerReflectionRequest", (4, one, FIELD.TYPE_STRING, "file_containing_symbol"),
            (7, one, FIELD.TYPE_STRING, "list_services"), (3, one, FIELD.TYPE_STRING, "file_by_filename"))
    message(file, "FileDescriptorResponse", (1, many, FIELD.TYPE_BYTES, "file_descriptor_proto"))
    message(file, "ServiceResponse", (1, one, FIELD.TYPE_STRING, "name"))
    message(file, "ListServiceResponse", (1, many, ".grpc.reflection.v1alpha.ServiceResponse", "service"))
    message(file, "ServerReflectionResponse", (4, one, ".grpc.reflection.v1alpha.FileDescriptorResponse", "files"),
            (6, one, ".grpc.reflection.v1alpha.ListServiceResponse", "services"))
    message(file, "HealthCheckRequest", (1, one, FIELD.TYPE_STRING, "service"))
    message(file, "HealthCheckResponse", (1, one, FIELD.TYPE_INT32, "status"))
    pool.Add(file)
    return pool


def cls(pool, name):
    descriptor = pool.FindMessageTypeByName(name)
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


class Generic:
    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        known = known_pool()
        self.request = cls(known, "grpc.reflection.v1alpha.ServerReflectionRequest")
        self.health_request = cls(known, "grpc.reflection.v1alpha.HealthCheckRequest")
        health_response = cls(known, "grpc.reflection.v1alpha.HealthCheckResponse")
        self.reflect = self.channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=cls(known, "grpc.reflection.v1alpha.ServerReflectionResponse").FromString)
        self.health = self.channel.unary_unary("/grpc.health.v1.Health/Check",
                                               request_serializer=lambda m: m.SerializeToString(),
                                               response_deserializer=health_response.FromString)
        self.pool = descriptor_pool.DescriptorPool()
        self.loaded = set()

    def ask(self, **question):
        return next(self.reflect(iter([self.request(**question)]), timeout=10))

    def services(self):
        return sorted(service.name for service in self.ask(list_services="*").services.service)

    def load(self, files):
        for raw in files:
            file = descriptor_pb2.FileDescriptorProto.FromString(raw)
            if file.name in self.loaded:
                continue
            self.loaded.add(file.name)
            for dependency in file.dependency:
                self.load(self.ask(file_by_filename=dependency).files.file_descriptor_proto)
            self.pool.Add(file)

    def call(self, service, method, **arguments):
        self.load(self.ask(file_containing_symbol=service).files.file_descriptor_proto)
        descriptor = self.pool.FindServiceByName(service).FindMethodByName(method)
        request = cls(self.pool, descriptor.input_type.full_name)(**arguments)
        return self.channel.unary_unary(
            f"/{service}/{method}", request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=cls(self.pool, descriptor.output_type.full_name).FromString)(request, timeout=10)


# Nobody listens at the addresses of the servers themselves: an agent is there all the same, and says so.
CONFIG = """
cluster: shop
version: 1
data_centres:
  - {{name: dc1, role: primary}}
arbitrator: {{name: arb, address: "{arbitrator}", state_dir: {directory}/arb}}
dbservers:
  - name: node1
    data_centre: dc1
    address: "{dbserver}"
    mysql_address: 127.0.0.1:3306
    state_dir: {directory}/node1
    notify_socket: {directory}/notify.sock
    data_dir: {directory}
    mysql: {{socket: {directory}/mysql.sock, user: minder}}
    manage: {{mode: child, command: [/bin/false], pid_file: {directory}/mysqld.pid}}
dbclients:
  - {{name: lb1, address: "{dbclient}", haproxy: {{socket: {directory}/haproxy.sock, backend: galera}}}}
"""

OF_ALL = ["grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection", "minder.v1.AgentService"]
# The name of each, how it is told that, and what it serves beside those.
SERVICES = {
    "arbitrator": ("arb", [], ["minder.v1.ControlService", "minder.v1.CorrespondenceService"]),
    "dbserver": ("node1", ["--name", "node1"], ["minder.v1.CorrespondenceService"]),
    "dbclient": ("lb1", ["--name", "lb1"], []),
}
SERVING = 1


def free_addresses(names):
    sockets = {name: socket.socket() for name in names}
    for free in sockets.values():
        free.bind(("127.0.0.1", 0))
    addresses = {name: f"127.0.0.1:{free.getsockname()[1]}" for name, free in sockets.items()}
    for free in sockets.values():
        free.close()
    return addresses


def check(kind, address):
    party, _, own = SERVICES[kind]
    client = Generic(address)
    grpc.channel_ready_future(client.channel).result(timeout=20)
    assert client.services() == sorted(OF_ALL + own), (kind, client.services())
    assert client.health(client.health_request(), timeout=10).status == SERVING, f"{kind} is not SERVING"
    description = client.call("minder.v1.AgentService", "Describe")
    assert description.party.name == party, description
    return client


def check_summary(client):
    summary = client.call("minder.v1.ControlService", "StatusSummary")
    assert summary.cluster == "shop" and summary.nodes[0].name == "node1", summary
    assert summary.rule and summary.reason, summary  # which one, depends on how far the agents have come


def main(programs):
    addresses = free_addresses(SERVICES)
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "minder.yaml")
        with open(path, "w") as file:
            file.write(CONFIG.format(directory=directory, **addresses))
        processes = [subprocess.Popen([program, "--config", path] + SERVICES[kind][1])
                     for kind, program in zip(SERVICES, programs)]
        try:
            clients = {kind: check(kind, addresses[kind]) for kind in SERVICES}
            check_summary(clients["arbitrator"])
        finally:
            for process in processes:
                process.terminate()
            codes = [process.wait(timeout=20) for process in processes]
        assert codes == [0] * len(codes), codes


if __name__ == "__main__":
    main(sys.argv[1:])
