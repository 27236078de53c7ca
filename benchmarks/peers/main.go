// Peers, schedulers and a yardstick for `make bench`, in Go as Dragonfly's own schedulers are: a Python server would eat
// the time that is to be measured. See benchmarks/golang.py, which builds this and speaks to it.
//
//	peers serve   what answers: peers at loopback addresses, schedulers that list them, and a control interface
//	peers loop    the yardstick: a question as JSON on stdin, what it took as JSON on stdout
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) > 0 && arguments[0] == "serve":
		return serve(arguments[1:])
	case len(arguments) == 1 && arguments[0] == "loop":
		return measure(os.Stdin, os.Stdout)
	default:
		return errors.New("usage: peers serve [flags] | peers loop")
	}
}
