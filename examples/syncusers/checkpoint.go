package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// checkpoint is the position at which the next run continues, in a file. It includes the
// source, query and target: with the cursor of another table, rows would be skipped.
type checkpoint struct {
	file string

	Source string `json:"source"`
	Query  string `json:"query"`
	Target string `json:"target"`
	After  string `json:"after"`  // the key
	Failed int64  `json:"failed"` // length of the file of failed rows at this position
}

// load reads the checkpoint of a run with the same source, query and target.
func (c *checkpoint) load() error {
	b, err := os.ReadFile(c.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return wrong("-resume: there is no checkpoint in %q: omit -resume", c.file)
	case err != nil:
		return err
	}
	read := checkpoint{file: c.file}
	if json.Unmarshal(b, &read) != nil || read.After == "" {
		return wrong("-resume: %q is no checkpoint", c.file)
	}
	c.After, c.Failed = read.After, read.Failed
	if read != *c {
		return wrong("-resume: the checkpoint in %q is of another run, from %s to %s, or of another query", c.file, read.Source, read.Target)
	}
	return nil
}

// save replaces the file atomically: whenever the program dies, the file has the old or the
// new checkpoint.
func (c *checkpoint) save(after string, failed int64) error {
	c.After, c.Failed = after, failed
	b, err := json.MarshalIndent(c, "", "\t")
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(c.file), filepath.Base(c.file)+".*")
	if err != nil {
		return fmt.Errorf("writing the checkpoint: %w", err)
	}
	_, err = temporary.Write(append(b, '\n'))
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), c.file)
	}
	if err != nil {
		return fmt.Errorf("writing the checkpoint: %w", errors.Join(err, os.Remove(temporary.Name())))
	}
	return nil
}

func (c *checkpoint) remove() error {
	if err := os.Remove(c.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the checkpoint: %w", err)
	}
	return nil
}
