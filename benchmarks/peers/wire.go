package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// The messages of protos/, written and read by hand: three of them need no generated code, and no protoc to build.

const (
	peerService      = "dfdaemon.v2.DfdaemonUpload"
	schedulerService = "scheduler.v2.Scheduler"
	healthService    = "grpc.health.v1.Health"

	statMethod   = "/" + peerService + "/StatLocalTask"
	deleteMethod = "/" + peerService + "/DeleteTask"
)

// raw passes bytes through: a message is a *[]byte on both sides.
type raw struct{}

func (raw) Marshal(message any) ([]byte, error) {
	if content, ok := message.(*[]byte); ok {
		return *content, nil
	}
	return nil, fmt.Errorf("no bytes but a %T", message)
}

func (raw) Unmarshal(content []byte, message any) error {
	into, ok := message.(*[]byte)
	if !ok {
		return fmt.Errorf("no place for bytes but a %T", message)
	}
	*into = append((*into)[:0], content...)
	return nil
}

func (raw) Name() string { return "proto" }

// taskRequest is a StatLocalTaskRequest or a DeleteTaskRequest.
func taskRequest(id string) []byte { return text(nil, 1, id) }

// taskOf reads the first field of a request, which is the task's id.
func taskOf(request []byte) (string, error) {
	for len(request) > 0 {
		number, kind, size := protowire.ConsumeTag(request)
		if size < 0 {
			return "", protowire.ParseError(size)
		}
		request = request[size:]
		if number == 1 && kind == protowire.BytesType {
			id, size := protowire.ConsumeString(request)
			if size < 0 {
				return "", protowire.ParseError(size)
			}
			return id, nil
		}
		if size = protowire.ConsumeFieldValue(number, kind, request); size < 0 {
			return "", protowire.ParseError(size)
		}
		request = request[size:]
	}
	return "", errors.New("the request names no task")
}

const (
	pieceLength   = 4 << 20
	contentLength = 16 * pieceLength
)

// localTask is a StatLocalTaskResponse of a task that is cached whole.
func localTask(id string) []byte {
	now := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(time.Now().Unix()))
	header := text(text(nil, 1, "Content-Length"), 2, strconv.Itoa(contentLength))
	answer := text(nil, 1, id)
	answer = number(answer, 2, pieceLength)
	answer = number(answer, 3, contentLength)
	answer = block(answer, 4, header)
	for _, field := range []protowire.Number{7, 8, 11} { // created, updated, finished
		answer = block(answer, field, now)
	}
	return answer
}

// listedHost is one element of a ListHostsResponse. Cpu, memory, network and disk are zeros of the size that
// tests/simulator/hosts.py estimates: they make a long list larger than the 4 MiB that gRPC takes by default.
func listedHost(ip, name string, port int, cluster uint64) []byte {
	host := text(nil, 1, ip+"-"+name)
	host = text(host, 3, name)
	host = text(host, 4, ip)
	host = number(host, 5, uint64(port))
	host = number(host, 6, uint64(port))
	for field, value := range map[protowire.Number]string{7: "linux", 8: "debian", 9: "debian", 10: "12.11"} {
		host = text(host, field, value)
	}
	host = text(host, 11, "6.1.0-37-amd64")
	for field, size := range map[protowire.Number]int{12: 128, 13: 48, 14: 56, 15: 80} {
		host = block(host, field, make([]byte, size))
	}
	host = block(host, 16, text(nil, 1, "1.5.10"))
	host = number(host, 17, cluster)
	host = number(host, 19, 4001)
	host = text(host, 20, name)
	return block(nil, 1, host)
}

func text(to []byte, field protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(to, field, protowire.BytesType), value)
}

func number(to []byte, field protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(to, field, protowire.VarintType), value)
}

func block(to []byte, field protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(to, field, protowire.BytesType), value)
}
