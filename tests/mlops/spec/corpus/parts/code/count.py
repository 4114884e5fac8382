print('count')
