module example.com/confc

go 1.19
