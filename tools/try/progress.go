package main

import (
	"fmt"
	"io"
	"time"
)

// watch says what takes more than a second, and for how long it has, in one line, which is empty in the end.
func watch(what string, terminal io.Writer) (done func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for begun := time.Now(); ; {
			select {
			case <-end:
				fmt.Fprint(terminal, "\r\x1b[K")
				return
			case <-ticker.C:
				fmt.Fprintf(terminal, "\r%s … %ds\x1b[K", what, int(time.Since(begun).Seconds()))
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}
