// SPDX-License-Identifier: Apache-2.0

// Package driver is one for database/sql. Its databases are TCP servers that need not answer.
package driver

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
)

// Connector connects to the server at that address.
type Connector string

// Connect dials, whoever waits for the connection.
func (c Connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", string(c))
	if err != nil {
		return nil, err
	}
	return connection{conn}, nil
}

// Driver returns nothing of use.
func (c Connector) Driver() driver.Driver { return nil }

type connection struct{ net.Conn }

func (connection) Prepare(string) (driver.Stmt, error) { return nil, errors.New("no statements") }
func (connection) Begin() (driver.Tx, error)           { return nil, errors.New("no transactions") }
