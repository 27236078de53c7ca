package main

import (
	"context"
	"fmt"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// scheduler lists hosts and has heard of no task: Dragonfly's answers to ListHosts, StatTask and a health check.
type scheduler struct {
	listed  atomic.Pointer[[]byte]
	listing atomic.Int64 // how often it was asked for the list
}

// lists lets it list peers from now on, those of a range of numbers at one port, in one scheduler cluster.
func (s *scheduler) lists(ranges []hosts) {
	var listed []byte
	for _, each := range ranges {
		for number := each.First; number < each.First+each.Count; number++ {
			listed = append(listed, listedHost(address(number), fmt.Sprintf("n%d", number), each.Port, each.Cluster)...)
		}
	}
	s.listed.Store(&listed)
}

type hosts struct {
	First   int    `json:"first"`
	Count   int    `json:"count"`
	Port    int    `json:"port"`
	Cluster uint64 `json:"cluster"`
}

func (s *scheduler) server() *grpc.Server {
	return newServer(map[string]map[string]method{
		schedulerService: {
			"ListHosts": func(context.Context, []byte) ([]byte, error) {
				s.listing.Add(1)
				if listed := s.listed.Load(); listed != nil {
					return *listed, nil
				}
				return nil, nil
			},
			"StatTask": func(context.Context, []byte) ([]byte, error) {
				return nil, status.Error(codes.NotFound, "task not found")
			},
		},
		healthService: {
			"Check": func(context.Context, []byte) ([]byte, error) { return number(nil, 1, 1), nil },
		},
	})
}
