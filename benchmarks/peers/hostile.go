package main

import (
	"crypto/rand"
	"fmt"
	"net"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// attack is what a peer does to whoever connects to it, instead of serving.
type attack struct {
	name string
	act  func(net.Conn) error
}

// attackSeconds is more than any client waits for.
const attackSeconds = 60

// A flood is 1,000 PINGs each 10 ms: what is measured is what others pay, and on two cores the attacker is one of them.
const (
	floodPings = 1000
	floodPause = 10 * time.Millisecond
)

var attacks = map[string]*attack{
	"garbage": {name: "garbage", act: garbage},
	"flood":   {name: "flood", act: flood},
	"trickle": {name: "trickle", act: trickle},
}

func attackOf(name string) (*attack, error) {
	if name == "" {
		return nil, nil
	}
	if known := attacks[name]; known != nil {
		return known, nil
	}
	return nil, fmt.Errorf("no attack %q; there are garbage, flood and trickle", name)
}

// run attacks until it is done or the other side has gone. Whatever it says is read meanwhile, and thrown away.
func (a *attack) run(connection net.Conn) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		buffer := make([]byte, 4<<10)
		for {
			if _, err := connection.Read(buffer); err != nil {
				return
			}
		}
	}()
	if a.act(connection) == nil {
		<-gone
	}
	connection.Close()
}

func garbage(connection net.Conn) error {
	noise := make([]byte, 64<<10)
	if _, err := rand.Read(noise); err != nil {
		return err
	}
	_, err := connection.Write(noise)
	return err
}

// flood sends what a client must answer each time: PING.
func flood(connection net.Conn) error {
	framer := http2.NewFramer(connection, nil)
	if err := framer.WriteSettings(); err != nil {
		return err
	}
	var many collected
	framer = http2.NewFramer(&many, nil)
	for range floodPings {
		if err := framer.WritePing(false, [8]byte{1, 2, 3, 4, 5, 6, 7, 8}); err != nil {
			return err
		}
	}
	for until := time.Now().Add(attackSeconds * time.Second); time.Now().Before(until); time.Sleep(floodPause) {
		if _, err := connection.Write(many); err != nil {
			return err
		}
	}
	return nil
}

// trickle begins an answer that never ends, one octet at a time.
func trickle(connection net.Conn) error {
	var answer collected
	framer := http2.NewFramer(&answer, nil)
	if err := framer.WriteSettings(); err != nil {
		return err
	}
	var headers collected
	encoder := hpack.NewEncoder(&headers)
	for _, field := range []hpack.HeaderField{
		{Name: ":status", Value: "200"},
		{Name: "content-type", Value: "application/grpc"},
	} {
		if err := encoder.WriteField(field); err != nil {
			return err
		}
	}
	if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: headers, EndHeaders: true}); err != nil {
		return err
	}
	if err := framer.WriteData(1, false, make([]byte, 16<<10)); err != nil {
		return err
	}
	until := time.Now().Add(attackSeconds * time.Second)
	for at := 0; at < len(answer) && time.Now().Before(until); at++ {
		if _, err := connection.Write(answer[at : at+1]); err != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

type collected []byte

func (c *collected) Write(content []byte) (int, error) {
	*c = append(*c, content...)
	return len(content), nil
}
