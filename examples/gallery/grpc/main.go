// SPDX-License-Identifier: Apache-2.0

// Command grpc is a service and its client: "grpc server" prints its address and ends at SIGTERM; "grpc client
// ADDRESS TEXT" asks it for the title of a text, for its words one by one (a stream), and for its health.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"example.com/planted"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	health_v1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func main() {
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == "server":
		err = serve()
	case len(os.Args) == 4 && os.Args[1] == "client":
		err = ask(os.Args[2], os.Args[3])
	default:
		err = errors.New("usage: grpc server | grpc client ADDRESS TEXT")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// ---- the service, as protoc-gen-go-grpc would describe it ------------------------------------------

type texts interface{}

func title(_ interface{}, ctx context.Context, decode func(interface{}) error, _ grpc.UnaryServerInterceptor) (interface{}, error) {
	text := new(wrapperspb.StringValue)
	if err := decode(text); err != nil {
		return nil, err
	}
	return wrapperspb.String(planted.Title(text.GetValue())), nil
}

func words(_ interface{}, stream grpc.ServerStream) error {
	text := new(wrapperspb.StringValue)
	if err := stream.RecvMsg(text); err != nil {
		return err
	}
	for _, word := range strings.Fields(text.GetValue()) {
		if err := stream.SendMsg(wrapperspb.String(word)); err != nil {
			return err
		}
	}
	return nil
}

var service = grpc.ServiceDesc{
	ServiceName: "gallery.Texts",
	HandlerType: (*texts)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Title", Handler: title}},
	Streams:     []grpc.StreamDesc{{StreamName: "Words", Handler: words, ServerStreams: true}},
}

func serve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	server.RegisterService(&service, nil)
	health_v1.RegisterHealthServer(server, health.NewServer())
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		<-ended.Done()
		server.GracefulStop()
	}()
	fmt.Println(listener.Addr())
	return server.Serve(listener)
}

// ---- the client -------------------------------------------------------------------------------------

func ask(address, text string) error {
	ctx := context.Background()
	connection, err := grpc.DialContext(ctx, address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	answer := new(wrapperspb.StringValue)
	if err := connection.Invoke(ctx, "/gallery.Texts/Title", wrapperspb.String(text), answer); err != nil {
		return err
	}
	fmt.Println("title:", answer.GetValue())
	if err := printWords(ctx, connection, text); err != nil {
		return err
	}
	state, err := health_v1.NewHealthClient(connection).Check(ctx, &health_v1.HealthCheckRequest{})
	if err != nil {
		return err
	}
	fmt.Println("health:", state.GetStatus())
	return nil
}

func printWords(ctx context.Context, connection *grpc.ClientConn, text string) error {
	stream, err := connection.NewStream(ctx, &service.Streams[0], "/gallery.Texts/Words")
	if err != nil {
		return err
	}
	if err := stream.SendMsg(wrapperspb.String(text)); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for {
		word := new(wrapperspb.StringValue)
		if err := stream.RecvMsg(word); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		fmt.Println("word:", word.GetValue())
	}
}
