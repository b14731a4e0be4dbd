module example.com/mjbench/conf

go 1.19
