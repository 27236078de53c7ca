package main

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// peer is a dfdaemon as far as it is seen from outside. It is told from others by the address that it is called at.
type peer struct {
	hangs   atomic.Bool
	hostile atomic.Pointer[attack]

	requests, deletions, connections, open atomic.Int64

	pace sync.Mutex
	// second is the last in which a request came, current how many came in it.
	second, current, most int64
}

// called counts a request.
func (p *peer) called() {
	p.requests.Add(1)
	now := time.Now().Unix()
	p.pace.Lock()
	defer p.pace.Unlock()
	if p.second != now {
		p.second, p.current = now, 0
	}
	p.current++
	p.most = max(p.most, p.current)
}

func (p *peer) forget() {
	p.requests.Store(0)
	p.deletions.Store(0)
	p.connections.Store(p.open.Load())
	p.pace.Lock()
	defer p.pace.Unlock()
	p.current, p.most = 0, 0
}

// task is what peers may cache, and which of them do.
type task struct {
	answer []byte
	held   []atomic.Bool
}

// world is the truth: who caches what, and what was asked.
type world struct {
	first int
	peers []peer
	delay atomic.Int64 // before each answer, in nanoseconds

	lock  sync.RWMutex
	tasks map[string]*task
}

func newWorld(first, count int) *world {
	return &world{first: first, peers: make([]peer, count), tasks: map[string]*task{}}
}

// address of the peer with this number: 127.1.0.1 and on, as in the simulator of the tests.
func address(number int) string {
	number++
	return fmt.Sprintf("127.%d.%d.%d", 1+number>>16, number>>8&0xff, number&0xff)
}

// at gives the index of the peer at an address, or -1.
func (w *world) at(where net.Addr) int {
	tcp, ok := where.(*net.TCPAddr)
	if !ok {
		return -1
	}
	ip := tcp.IP.To4()
	if ip == nil || ip[0] != 127 || ip[1] == 0 {
		return -1
	}
	index := (int(ip[1])-1)<<16 + int(ip[2])<<8 + int(ip[3]) - 1 - w.first
	if index >= len(w.peers) {
		return -1
	}
	return index
}

func (w *world) task(id string) *task {
	w.lock.RLock()
	defer w.lock.RUnlock()
	return w.tasks[id]
}

// caches lets the first so many peers of this process have a task, and no others.
func (w *world) caches(id string, count int) {
	known := &task{answer: localTask(id), held: make([]atomic.Bool, len(w.peers))}
	for index := range min(count, len(w.peers)) {
		known.held[index].Store(true)
	}
	w.lock.Lock()
	defer w.lock.Unlock()
	w.tasks[id] = known
}

func (w *world) holders(id string) int {
	known, count := w.task(id), 0
	if known == nil {
		return 0
	}
	for index := range known.held {
		if known.held[index].Load() {
			count++
		}
	}
	return count
}
