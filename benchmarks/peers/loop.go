package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// question is what the yardstick does: it asks every target for every task, so many targets at once, and so many
// requests under way at each; deletes what is there, asks again, and in the end sweeps over all once more.
type question struct {
	Targets  []string `json:"targets"`
	TaskIDs  []string `json:"task_ids"`
	Deletes  bool     `json:"deletes"`
	AtOnce   int      `json:"at_once"`
	Pipeline int      `json:"pipeline"`
}

type answer struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_seconds"`
	Requests   int64   `json:"requests"`
}

const requestSeconds = 5

// loop is the bare loop: what a Go programmer writes in an afternoon, with nothing around the requests.
type loop struct {
	question
	stats, deletions [][]byte
	connections      []*grpc.ClientConn

	requests atomic.Int64
	deleted  atomic.Bool
	failed   atomic.Pointer[error]
}

func measure(from io.Reader, to io.Writer) error {
	var asked question
	if err := json.NewDecoder(from).Decode(&asked); err != nil {
		return fmt.Errorf("no question on stdin: %w", err)
	}
	l := &loop{question: asked, connections: make([]*grpc.ClientConn, len(asked.Targets))}
	for _, id := range asked.TaskIDs {
		// The same bytes: both requests have the task's id as their first field.
		l.stats = append(l.stats, taskRequest(id))
		l.deletions = append(l.deletions, taskRequest(id))
	}
	started, before := time.Now(), cpuSeconds()
	l.each()
	if l.deleted.Load() {
		l.each()
	}
	took := answer{
		Seconds:    time.Since(started).Seconds(),
		CPUSeconds: cpuSeconds() - before,
		Requests:   l.requests.Load(),
	}
	if err := l.failed.Load(); err != nil {
		return *err
	}
	return json.NewEncoder(to).Encode(took)
}

func (l *loop) each() {
	inParallel(len(l.Targets), l.AtOnce, func(index int) {
		if err := l.visit(index); err != nil {
			l.failed.CompareAndSwap(nil, &err)
		}
	})
}

func (l *loop) visit(index int) error {
	if l.connections[index] == nil {
		connection, err := grpc.NewClient(
			"passthrough:///"+l.Targets[index],
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})),
		)
		if err != nil {
			return err
		}
		l.connections[index] = connection
	}
	var failed atomic.Pointer[error]
	inParallel(len(l.TaskIDs), l.Pipeline, func(task int) {
		if err := l.settle(l.connections[index], task); err != nil {
			failed.CompareAndSwap(nil, &err)
		}
	})
	if err := failed.Load(); err != nil {
		return fmt.Errorf("%s: %w", l.Targets[index], *err)
	}
	return nil
}

func (l *loop) settle(connection *grpc.ClientConn, task int) error {
	there, err := l.isThere(connection, task)
	if err != nil || !there || !l.Deletes {
		return err
	}
	if err := l.call(connection, deleteMethod, l.deletions[task]); err != nil {
		return err
	}
	if there, err = l.isThere(connection, task); err == nil && !there {
		l.deleted.Store(true)
	}
	return err
}

func (l *loop) isThere(connection *grpc.ClientConn, task int) (bool, error) {
	err := l.call(connection, statMethod, l.stats[task])
	if status.Code(err) == codes.NotFound {
		return false, nil
	}
	return err == nil, err
}

func (l *loop) call(connection *grpc.ClientConn, method string, request []byte) error {
	l.requests.Add(1)
	ctx, cancel := context.WithTimeout(context.Background(), requestSeconds*time.Second)
	defer cancel()
	var content []byte
	return connection.Invoke(ctx, method, &request, &content)
}

// inParallel does something for each index, so many at a time.
func inParallel(count, atOnce int, act func(index int)) {
	if atOnce = min(atOnce, count); atOnce <= 1 {
		for index := range count {
			act(index)
		}
		return
	}
	var next atomic.Int64
	var working sync.WaitGroup
	for range atOnce {
		working.Go(func() {
			for index := int(next.Add(1)) - 1; index < count; index = int(next.Add(1)) - 1 {
				act(index)
			}
		})
	}
	working.Wait()
}

// cpuSeconds is what this process has used, in user and system mode.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // it can't fail for oneself
	}
	seconds := func(of syscall.Timeval) float64 { return float64(of.Sec) + float64(of.Usec)/1e6 }
	return seconds(usage.Utime) + seconds(usage.Stime)
}
