package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// serve runs peers and schedulers until stdin ends, that is until whoever started this is gone.
func serve(arguments []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	first := flags.Int("first", 0, "number of the first peer, which is at 127.1.0.1")
	count := flags.Int("peers", 3, "how many peers, all at one port")
	schedulers := flags.Int("schedulers", 0, "how many schedulers, at 127.0.3.1 and on; they list what `lists` says")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	here := newWorld(*first, *count)
	listener, err := onLoopback()
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- here.peerServer().Serve(doors{listener, here}) }()
	var knows scheduler
	addresses := []string{}
	for each := range *schedulers {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.3.%d:0", each+1))
		if err != nil {
			return err
		}
		addresses = append(addresses, listener.Addr().String())
		go func() { failed <- knows.server().Serve(listener) }()
	}
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { failed <- http.Serve(control, verbs(here, &knows)) }()
	if err := json.NewEncoder(os.Stdout).Encode(map[string]any{
		"port":       listener.Addr().(*net.TCPAddr).Port,
		"schedulers": addresses,
		"control":    "http://" + control.Addr().String(),
	}); err != nil {
		return err
	}
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		failed <- err
	}()
	return <-failed
}

// onLoopback listens at one port of every loopback address, and of no other: one descriptor for ten thousand peers.
func onLoopback() (net.Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, connection syscall.RawConn) error {
		var refused error
		err := connection.Control(func(descriptor uintptr) {
			refused = unix.BindToDevice(int(descriptor), "lo")
		})
		return errors.Join(err, refused)
	}}
	return config.Listen(context.Background(), "tcp4", "0.0.0.0:0")
}

// verbs is the control interface: POST /VERB with a JSON object, answered in JSON.
func verbs(here *world, knows *scheduler) http.Handler {
	mux := http.NewServeMux()
	verb(mux, "caches", func(question struct {
		TaskIDs []string `json:"task_ids"`
		Peers   int      `json:"peers"`
	}) (any, error) {
		for _, id := range question.TaskIDs {
			here.caches(id, question.Peers)
		}
		return struct{}{}, nil
	})
	verb(mux, "holders", func(question struct {
		TaskIDs []string `json:"task_ids"`
	}) (any, error) {
		counts := make([]int, len(question.TaskIDs))
		for index, id := range question.TaskIDs {
			counts[index] = here.holders(id)
		}
		return counts, nil
	})
	verb(mux, "lists", func(question struct {
		Ranges []hosts `json:"ranges"`
	}) (any, error) {
		knows.lists(question.Ranges)
		return map[string]int{"bytes": len(*knows.listed.Load())}, nil
	})
	verb(mux, "delays", func(question struct {
		Milliseconds int64 `json:"milliseconds"`
	}) (any, error) {
		here.delay.Store(question.Milliseconds * int64(time.Millisecond))
		return struct{}{}, nil
	})
	verb(mux, "hangs", func(question struct {
		Every int `json:"every"` // every so many, the first of them first; 0: none
	}) (any, error) {
		for index := range here.peers {
			here.peers[index].hangs.Store(question.Every > 0 && index%question.Every == 0)
		}
		return struct{}{}, nil
	})
	verb(mux, "attacks", func(question struct {
		Index int    `json:"index"`
		How   string `json:"how"`
	}) (any, error) {
		if question.Index < 0 || question.Index >= len(here.peers) {
			return nil, fmt.Errorf("no peer %d here", question.Index)
		}
		how, err := attackOf(question.How)
		if err == nil {
			here.peers[question.Index].hostile.Store(how)
		}
		return struct{}{}, err
	})
	verb(mux, "calls", func(struct{}) (any, error) { return here.calls(knows), nil })
	verb(mux, "forget_calls", func(struct{}) (any, error) {
		for index := range here.peers {
			here.peers[index].forget()
		}
		knows.listing.Store(0)
		return struct{}{}, nil
	})
	return mux
}

// calls tells what was asked of all peers together, and the most of one of them.
func (w *world) calls(knows *scheduler) map[string]int64 {
	counts := map[string]int64{"listings": knows.listing.Load()}
	for index := range w.peers {
		p := &w.peers[index]
		counts["requests"] += p.requests.Load()
		counts["deletions"] += p.deletions.Load()
		counts["open"] += p.open.Load()
		counts["most_connections"] = max(counts["most_connections"], p.connections.Load())
		p.pace.Lock()
		counts["most_per_second"] = max(counts["most_per_second"], p.most)
		p.pace.Unlock()
	}
	return counts
}

func verb[Question any](mux *http.ServeMux, name string, act func(Question) (any, error)) {
	mux.HandleFunc("POST /"+name, func(answer http.ResponseWriter, request *http.Request) {
		var question Question
		decoder := json.NewDecoder(request.Body)
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&question)
		var said any
		if err == nil {
			said, err = act(question)
		}
		if err != nil {
			http.Error(answer, err.Error(), http.StatusBadRequest)
			return
		}
		answer.Header().Set("Content-Type", "application/json")
		json.NewEncoder(answer).Encode(said)
	})
}
