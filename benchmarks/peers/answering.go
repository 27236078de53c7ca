package main

import (
	"context"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcpeer "google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

type method func(ctx context.Context, request []byte) ([]byte, error)

// newServer serves methods of raw bytes. Its buffers are small: ten thousand connections are open to it at once.
func newServer(services map[string]map[string]method) *grpc.Server {
	server := grpc.NewServer(
		grpc.ForceServerCodec(raw{}),
		grpc.ReadBufferSize(4<<10), grpc.WriteBufferSize(4<<10), grpc.SharedWriteBuffer(true),
	)
	for name, methods := range services {
		described := grpc.ServiceDesc{ServiceName: name, HandlerType: (*any)(nil)}
		for called, answer := range methods {
			described.Methods = append(described.Methods, grpc.MethodDesc{MethodName: called, Handler: handler(answer)})
		}
		server.RegisterService(&described, struct{}{})
	}
	return server
}

func handler(answer method) grpc.MethodHandler {
	return func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var request []byte
		if err := decode(&request); err != nil {
			return nil, err
		}
		content, err := answer(ctx, request)
		return &content, err
	}
}

// peerServer is the one server of all peers; who is asked is told by the address that the connection came to.
func (w *world) peerServer() *grpc.Server {
	return newServer(map[string]map[string]method{
		peerService: {"StatLocalTask": w.asked(w.stat), "DeleteTask": w.asked(w.remove)},
	})
}

func (w *world) asked(answer func(index int, id string) ([]byte, error)) method {
	return func(ctx context.Context, request []byte) ([]byte, error) {
		caller, ok := grpcpeer.FromContext(ctx)
		if !ok {
			return nil, status.Error(codes.Internal, "nobody called")
		}
		index := w.at(caller.LocalAddr)
		if index < 0 {
			return nil, status.Errorf(codes.Internal, "no peer is at %s", caller.LocalAddr)
		}
		p := &w.peers[index]
		p.called()
		if p.hangs.Load() {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		if delay := w.delay.Load(); delay > 0 {
			time.Sleep(time.Duration(delay))
		}
		id, err := taskOf(request)
		if err != nil {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
		return answer(index, id)
	}
}

func (w *world) stat(index int, id string) ([]byte, error) {
	known := w.task(id)
	if known == nil || !known.held[index].Load() {
		return nil, status.Errorf(codes.NotFound, "local task not found: %s", id)
	}
	return known.answer, nil
}

// remove answers as dfdaemon does: INTERNAL for what is not there.
func (w *world) remove(index int, id string) ([]byte, error) {
	w.peers[index].deletions.Add(1)
	known := w.task(id)
	if known == nil || !known.held[index].Swap(false) {
		return nil, status.Errorf(codes.Internal, "task %s not found", id)
	}
	return nil, nil
}

// doors counts connections by peer, and keeps those to a hostile one from the server.
type doors struct {
	net.Listener
	world *world
}

func (d doors) Accept() (net.Conn, error) {
	for {
		connection, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		index := d.world.at(connection.LocalAddr())
		if index < 0 {
			connection.Close()
			continue
		}
		p := &d.world.peers[index]
		p.connections.Add(1)
		p.open.Add(1)
		counted := &counted{Conn: connection, peer: p}
		if attack := p.hostile.Load(); attack != nil {
			go attack.run(counted)
			continue
		}
		return counted, nil
	}
}

type counted struct {
	net.Conn
	peer   *peer
	closed bool
}

// Close is called by one goroutine at a time: gRPC's transport guards it, and so does an attack.
func (c *counted) Close() error {
	if !c.closed {
		c.closed = true
		c.peer.open.Add(-1)
	}
	return c.Conn.Close()
}
