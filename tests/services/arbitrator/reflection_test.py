#!/usr/bin/env python3
"""Talks to a real minder-arbitrator as grpcurl would: no .proto file, only what reflection tells."""
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


CONFIG = """
cluster: shop
version: 1
data_centres:
  - {{name: dc1, role: primary}}
arbitrator: {{name: arb, address: "127.0.0.1:{port}", state_dir: {directory}/arb}}
dbservers:
  - name: node1
    data_centre: dc1
    address: 127.0.0.1:7401
    mysql_address: 127.0.0.1:3306
    state_dir: {directory}/node1
    notify_socket: {directory}/notify.sock
    data_dir: {directory}/data
    mysql: {{socket: {directory}/mysql.sock, user: minder}}
    manage: {{mode: systemd, unit: mariadb.service}}
"""


def main(arbitrator):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "minder.yaml")
        with open(path, "w") as file:
            file.write(CONFIG.format(port=port, directory=directory))
        process = subprocess.Popen([arbitrator, "--config", path])
        try:
            client = Generic(f"127.0.0.1:{port}")
            grpc.channel_ready_future(client.channel).result(timeout=20)
            for service in ("minder.v1.ControlService", "minder.v1.CorrespondenceService", "minder.v1.AgentService",
                            "grpc.health.v1.Health"):
                assert service in client.services(), client.services()
            assert client.health(client.health_request(), timeout=10).status == 1, "not SERVING"
            summary = client.call("minder.v1.ControlService", "StatusSummary")
            assert summary.cluster == "shop" and summary.nodes[0].name == "node1", summary
            assert summary.rule in ("R300", "R900"), summary  # it has just started, or waited long enough
            description = client.call("minder.v1.AgentService", "Describe")
            assert description.party.name == "arb", description
        finally:
            process.terminate()
            assert process.wait(timeout=20) == 0


if __name__ == "__main__":
    main(sys.argv[1])
